import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Digest } from "../digest/index.ts";
import { openDoor, type Who } from "../testing/index.ts";

const door = await openDoor();
afterAll(() => door.close());

const json = { "content-type": "application/json" };
async function call(method: string, path: string, as: Who = "admin", body?: object): Promise<Response> {
  return await door.call(method, `/api/v1${path}`, {
    as,
    ...(body === undefined ? {} : { headers: json, body: JSON.stringify(body) }),
  });
}
async function read(path: string, as: Who = "admin"): Promise<Record<string, unknown>> {
  const response = await call("GET", path, as);
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}
async function pushImage(repository: string, tag: string): Promise<Digest> {
  const { content, digest } = await door.imageOf(repository);
  await door.call("PUT", `/v2/${repository}/manifests/${tag}`, { body: content });
  return digest;
}

let digest: Digest;
const image = "/repositories/acme/app/manifests/v1";
beforeAll(async () => {
  digest = await pushImage("acme/app", "v1");
  await pushImage("globex/app", "v1");
});

describe("why a manifest is kept", () => {
  it("is told in one sentence and as data, now and for a time to come", async () => {
    expect(await read(`${image}/eligibility`)).toMatchObject({
      repository: "acme/app",
      digest,
      verdict: "kept",
      because: "leased",
      sentence: expect.stringMatching(/^kept because it was pushed or asked for lately/) as string,
    });
    const later = await read(`${image}/eligibility?at=${encodeURIComponent("2099-01-01T00:00:00+01:00")}`);
    expect(later).toMatchObject({ at: "2098-12-31T23:00:00.000Z", because: "tagged", until: null });
    expect((await call("GET", `${image}/eligibility?at=tomorrow`)).status).toBe(400);
    expect((await call("GET", `${image}/eligibility?when=now`)).status).toBe(400);
  });

  it("is no use of it: who asks keeps nothing alive", async () => {
    const before = await read(`${image}/eligibility`);
    await read(image);
    await read(`/repositories/acme/app/manifests/${digest}/retention`);
    expect((await read(`${image}/eligibility`))["until"]).toBe(before["until"]);
  });

  it("changes with a hold, which names its holder, and which only an owner releases", async () => {
    const held = await call("PUT", `${image}/holds/case-7`, "acme", { why: "a lawsuit" });
    expect(await held.json()).toMatchObject({
      holds: [{ name: "case-7", holder: "projectDev", why: "a lawsuit" }],
      pins: [],
    });
    expect((await read(`${image}/eligibility`))["sentence"]).toBe(
      "kept because it is held by projectDev (case-7: a lawsuit)",
    );
    expect((await door.call("DELETE", `/v2/acme/app/manifests/${digest}`)).status).toBe(409);
    expect((await call("DELETE", `${image}/holds/case-7`, "acme")).status).toBe(403);
    expect((await call("DELETE", `${image}/holds/case-7`)).status).toBe(204);
    expect((await call("DELETE", `${image}/holds/case-7`)).status).toBe(404);
    expect((await call("PUT", `${image}/holds/x`, "acme", { why: "" })).status).toBe(400);

    expect((await call("PUT", `${image}/holds/case-8`, "admin", { why: "a court's order" })).status).toBe(200);
    const foreign = await call("PUT", `${image}/holds/case-8`, "acme", { why: "mine from now on" });
    expect([foreign.status, await foreign.json()]).toMatchObject([403, { code: "DENIED" }]);
    expect((await read(`${image}/retention`))["holds"]).toEqual([
      { name: "case-8", holder: "admin", why: "a court's order" },
    ]);
    expect((await call("DELETE", `${image}/holds/case-8`)).status).toBe(204);
    expect((await call("PUT", `${image}/holds/x`, "acme", { why: "two\nlines" })).status).toBe(400);
  });

  it("changes with a pin, which its holder renews and ends; that of another holder only an owner", async () => {
    const why = "revision 7 of app web runs this";
    const pinned = await call("PUT", `${image}/pins/web`, "acme", { why });
    expect([pinned.status, await pinned.json()]).toMatchObject([
      200,
      { holds: [], pins: [{ name: "web", holder: "projectDev", why }] },
    ]);
    expect((await read(`${image}/eligibility`))["sentence"]).toBe(
      `kept because it is pinned by projectDev (web: ${why})`,
    );
    const refused = await door.call("DELETE", `/v2/acme/app/manifests/${digest}`);
    expect([refused.status, await refused.text()]).toEqual([409, expect.stringContaining("pinned by projectDev")]);
    expect((await call("PUT", `${image}/pins/web`, "acme", { why: "revision 8 runs it, too" })).status).toBe(200);
    // A pin is no hold: each word ends its own.
    expect((await call("DELETE", `${image}/holds/web`)).status).toBe(404);
    expect((await call("DELETE", `${image}/pins/web`, "acmeReader")).status).toBe(403);
    expect((await call("DELETE", `${image}/pins/web`, "acme")).status).toBe(204);
    expect((await call("DELETE", `${image}/pins/web`, "acme")).status).toBe(404);

    expect((await call("PUT", `${image}/pins/web`, "admin", { why })).status).toBe(200);
    for (const [method, body] of [["DELETE"], ["PUT", { why: "mine from now on" }]] as const) {
      const foreign = await call(method, `${image}/pins/web`, "acme", body);
      expect([method, foreign.status, await foreign.json()]).toEqual([
        method,
        403,
        expect.objectContaining({ code: "DENIED", detail: expect.stringContaining("pin web is admin's") as string }),
      ]);
    }
    expect((await read(`${image}/retention`))["pins"]).toEqual([{ name: "web", holder: "admin", why }]);
    expect((await call("PUT", `${image}/pins/mine`, "acme", { why })).status).toBe(200);
    expect((await call("DELETE", `${image}/pins/mine`)).status).toBe(204);
    expect((await call("DELETE", `${image}/pins/web`)).status).toBe(204);
    expect((await call("PUT", `${image}/pins/x`, "acme", { why: "" })).status).toBe(400);
    expect((await call("PUT", `${image}/pins/${"x".repeat(501)}`, "acme", { why })).status).toBe(400);
  });

  it("follows the class it is put into, and extensions within the class's limit", async () => {
    const day = 86_400_000;
    const rules = { lifetimeMs: day, longestMs: 10 * day };
    expect(await (await call("PUT", "/retention-classes/ci", "admin", rules)).json()).toEqual({
      name: "ci",
      lifetimeMs: day,
      longestMs: 10 * day,
      untaggedMs: null,
      locked: false,
    });
    expect((await call("PUT", `${image}/class`, "admin", { class: "ci" })).status).toBe(200);
    const until = new Date(Date.now() + 5 * day).toISOString();
    // Sent twice, it is recorded once.
    for (let turn = 0; turn < 2; turn++) {
      const extended = await call("POST", `${image}/extensions`, "acme", { until, why: "still needed" });
      expect([extended.status, await extended.json()]).toEqual([201, { expiresAt: until }]);
    }
    expect(await read(`${image}/retention`)).toMatchObject({
      class: "ci",
      expiresAt: until,
      extensions: [{ holder: "projectDev", why: "still needed", until }],
    });
    const tooLong = await call("POST", `${image}/extensions`, "acme", {
      until: new Date(Date.now() + 11 * day).toISOString(),
      why: "more",
    });
    expect([tooLong.status, ((await tooLong.json()) as { code: string }).code]).toEqual([400, "RETENTION_INVALID"]);
    expect((await call("PUT", `${image}/class`, "admin", { class: "none" })).status).toBe(400);
  });
});

describe("retention classes", () => {
  it("are defined, listed and forgotten by those above all tenants, and not while something is in them", async () => {
    expect((await call("PUT", "/retention-classes/brief", "globex", {})).status).toBe(403);
    expect((await call("PUT", "/retention-classes/brief", "admin", { untaggedMs: 1000 })).status).toBe(200);
    expect((await call("PUT", "/retention-classes/brief", "admin", { untaggedMs: -1 })).status).toBe(400);
    expect((await call("PUT", "/retention-classes/brief", "admin", { lifetime: 1 })).status).toBe(400);
    expect((await call("PUT", "/retention-classes/Big", "admin", {})).status).toBe(400);
    const { items } = (await read("/retention-classes", "acmeReader")) as { items: { name: string }[] };
    expect(items.map(({ name }) => name)).toEqual(expect.arrayContaining(["standard", "brief"]));
    expect(await read("/retention-classes/brief", "acmeReader")).toMatchObject({ untaggedMs: 1000 });

    expect((await call("PUT", "/repositories/globex/app/class", "globex", { class: "brief" })).status).toBe(200);
    expect(await read("/repositories/globex/app/class", "globex")).toEqual({ name: "globex/app", class: "brief" });
    expect((await call("DELETE", "/retention-classes/brief")).status).toBe(409);
    await call("PUT", "/repositories/globex/app/class", "globex", { class: "standard" });
    expect((await call("DELETE", "/retention-classes/brief", "globex")).status).toBe(403);
    expect((await call("DELETE", "/retention-classes/brief")).status).toBe(204);
    expect((await call("DELETE", "/retention-classes/brief")).status).toBe(404);
    expect((await call("GET", "/retention-classes/brief")).status).toBe(404);
  });
});

describe("what is there", () => {
  it("is listed page by page, to each what is theirs", async () => {
    const first = await read("/repositories?limit=1");
    expect(first["items"]).toEqual([{ name: "acme/app" }]);
    expect((await read(`/repositories?limit=1&cursor=${String(first["nextCursor"])}`))["items"]).toEqual([
      { name: "globex/app" },
    ]);
    expect((await read("/repositories", "globex"))["items"]).toEqual([{ name: "globex/app" }]);
    for (const query of ["limit=0", "limit=1001", "limit=x", "cursor=*", "limit=1&limit=2"]) {
      expect([query, (await call("GET", `/repositories?${query}`)).status]).toEqual([query, 400]);
    }
  });

  it("shows a manifest with its size, tags and parts", async () => {
    const { items } = (await read("/repositories/acme/app/manifests")) as { items: object[] };
    expect(items).toMatchObject([{ digest, tags: ["v1"], contentSize: 7, size: expect.any(Number) as number }]);
    expect(await read(image)).toMatchObject({
      repository: "acme/app",
      digest,
      config: { size: 2 },
      layers: [{ size: 5 }],
    });
  });

  it("remembers what was deleted, and why", async () => {
    await pushImage("acme/gone", "v1");
    await door.call("DELETE", `/v2/acme/gone/manifests/${digest}`);
    expect((await read("/repositories/acme/gone/tombstones"))["items"]).toMatchObject([
      { digest, reason: expect.any(String) as string, deletedAt: expect.any(String) as string },
    ]);
  });

  it("lists uploads that run, to each its own, and cancels them", async () => {
    const location = await door.begin("acme/app");
    await door.call("PATCH", location, { body: "12345" });
    const id = location.split("/").at(-1) ?? "";
    expect((await read("/uploads", "acmeReader"))["items"]).toMatchObject([{ id, repository: "acme/app", offset: 5 }]);
    expect((await read("/uploads", "globex"))["items"]).toEqual([]);
    const refused = await call("DELETE", `/uploads/${id}`, "globex");
    const unknown = await call("DELETE", "/uploads/00000000-0000-4000-8000-000000000000", "globex");
    const told = async (response: Response): Promise<unknown> => {
      const { code, detail, status } = (await response.json()) as Record<string, unknown>;
      return { code, detail, status };
    };
    expect(await told(refused)).toEqual(await told(unknown));
    expect(refused.status).toBe(404);
    expect((await call("DELETE", `/uploads/${id}`, "acmeReader")).status).toBe(403);
    expect((await call("DELETE", `/uploads/${id}`, "acme")).status).toBe(204);
    expect((await read("/uploads"))["items"]).toEqual([]);
  });
});

describe("another tenant", () => {
  const requests = (repository: string): readonly (readonly [string, string, object?])[] => [
    ["GET", `/repositories/${repository}/manifests`],
    ["GET", `/repositories/${repository}/manifests/v1`],
    ["GET", `/repositories/${repository}/manifests/v1/retention`],
    ["GET", `/repositories/${repository}/manifests/v1/eligibility`],
    ["PUT", `/repositories/${repository}/manifests/v1/holds/mine`, { why: "because" }],
    ["DELETE", `/repositories/${repository}/manifests/v1/holds/mine`],
    ["PUT", `/repositories/${repository}/manifests/v1/pins/mine`, { why: "because" }],
    ["DELETE", `/repositories/${repository}/manifests/v1/pins/mine`],
    ["POST", `/repositories/${repository}/manifests/v1/extensions`, { until: "2030-01-01T00:00:00Z", why: "because" }],
    ["PUT", `/repositories/${repository}/manifests/v1/class`, { class: "standard" }],
    ["GET", `/repositories/${repository}/class`],
    ["PUT", `/repositories/${repository}/class`, { class: "standard" }],
    ["GET", `/repositories/${repository}/tombstones`],
  ];

  it("hears of a repository what it hears of one that nobody made, on every route", async () => {
    const tell = async ([method, path, body]: readonly [string, string, object?]): Promise<string> => {
      const response = await call(method, path, "globex", body);
      const { code, detail } = (await response.json()) as { code: string; detail: string };
      return `${method} ${path} ${response.status} ${code} ${detail}`.replaceAll(/acme\/\w+/g, "R");
    };
    const there = await Promise.all(requests("acme/app").map(tell));
    expect(there).toEqual(await Promise.all(requests("acme/nothing").map(tell)));
    for (const answer of there) expect(answer).toContain(" 404 NAME_UNKNOWN ");
  });

  it("that may only read changes nothing", async () => {
    for (const [method, path, body] of requests("acme/app").filter(([verb]) => verb !== "GET")) {
      expect([method, path, (await call(method, path, "acmeReader", body)).status]).toEqual([method, path, 403]);
    }
  });
});

describe("a collection", () => {
  it("is planned, run and audited by those above all tenants only", async () => {
    for (const [method, path] of [
      ["GET", "/collection/plan"],
      ["POST", "/collection/run"],
      ["POST", "/collection/audit"],
    ] as const) {
      expect((await call(method, path, "globex")).status).toBe(403);
      expect((await call(method, path)).status).toBe(200);
    }
    expect(await read("/collection/plan")).toMatchObject({ steps: [], bytesFreed: 0 });
    expect(await (await call("POST", "/collection/audit")).json()).toMatchObject({ findings: [] });
  });

  it("tells of its steps while it runs, and ends with what it did", async () => {
    await call("PUT", "/retention-classes/brief", "admin", { lifetimeMs: 0 });
    const response = await door.call("POST", "/api/v1/collection/run", { headers: { accept: "text/event-stream" } });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const text = await response.text();
    expect(text).toMatch(/event: result\ndata: \{"at":.*"steps":\[\]/);
  });
});
