import { afterAll, describe, expect, it } from "vitest";
import { openDoor, type Who } from "../testing/index.ts";

const door = await openDoor();
afterAll(() => door.close());

const json = { "content-type": "application/json" };
const send = (
  method: string,
  path: string,
  body?: unknown,
  as?: Who,
  conditions: Readonly<Record<string, string>> = {},
): Promise<Response> =>
  door.call(method, `/api/v1/${path}`, {
    headers: { ...json, ...conditions },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(as === undefined ? {} : { as }),
  });

async function push(repository: string, tag: string): Promise<void> {
  const { content } = await door.imageOf(repository);
  expect((await door.call("PUT", `/v2/${repository}/manifests/${tag}`, { body: content })).status).toBe(201);
}

describe("plans and policies over /api/v1", () => {
  it("a plan is saved, applied, and refused when it is none or of another store", async () => {
    const saved = await send("GET", "collection/saved-plan");
    expect(saved.status).toBe(200);
    const plan = (await saved.json()) as { store: string };
    const applied = await send("POST", "collection/apply", plan);
    expect([applied.status, await applied.json()]).toMatchObject([200, { steps: [], bytesFreed: 0 }]);
    const foreign = await send("POST", "collection/apply", { ...plan, store: crypto.randomUUID() });
    expect([foreign.status, await foreign.json()]).toMatchObject([400, { code: "PLAN_INVALID" }]);
    expect((await send("POST", "collection/apply", { version: 1 })).status).toBe(400);
  });

  it("a simulation tells what would go", async () => {
    await push("acme/simulated", "v1");
    const policy = {
      classes: [{ name: "brief", lifetimeMs: 1000 }],
      repositories: [{ matching: "acme/simulated", class: "brief" }],
    };
    const answer = await send("POST", "collection/simulate", { at: "2099-01-01T00:00:00Z", policy });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      at: "2099-01-01T00:00:00.000Z",
      bytesFreed: 7,
      steps: expect.arrayContaining([
        expect.objectContaining({ kind: "delete-manifest", repository: "acme/simulated" }),
      ]) as unknown,
    });
    expect((await send("POST", "collection/simulate", { at: "soon" })).status).toBe(400);
    const nowhere = { repositories: [{ matching: "*", class: "nowhere" }] };
    expect((await send("POST", "collection/simulate", { at: "2099-01-01T00:00:00Z", policy: nowhere })).status).toBe(
      400,
    );
  });

  it("tag policies are put, listed, judged by whoever may read, and removed", async () => {
    await push("acme/tagged", "v1");
    await push("acme/tagged", "v2");
    const rules = { last: 1 };
    const put = await send("PUT", "tag-policies/few", { matching: "acme/tagged", rules });
    expect([put.status, await put.json()]).toEqual([200, { name: "few", matching: "acme/tagged", rules }]);
    expect(await (await send("GET", "tag-policies")).json()).toMatchObject({ items: [{ name: "few" }] });
    const judged = await send("GET", "repositories/acme/tagged/tag-verdicts", undefined, "acmeReader");
    const { items } = (await judged.json()) as { items: { kept: boolean }[] };
    expect(items.filter(({ kept }) => !kept)).toHaveLength(1);
    expect((await send("PUT", "tag-policies/few", { matching: "acme/*", rules: { first: 1 } })).status).toBe(400);
    expect((await send("PUT", "tag-policies/Few", { matching: "acme/*", rules })).status).toBe(400);
    expect((await send("DELETE", "tag-policies/few")).status).toBe(204);
    expect((await send("DELETE", "tag-policies/few")).status).toBe(404);
  });

  it.each([
    ["tag-policies/shared", (last: number) => ({ matching: "acme/*", rules: { last } })],
    ["retention-classes/shared", (untaggedMs: number) => ({ untaggedMs })],
  ] as const)("%s is changed by those who saw what is there, and nobody's change is lost", async (path, bodyOf) => {
    const change = (value: number, conditions: Readonly<Record<string, string>>) =>
      send("PUT", path, bodyOf(value), undefined, conditions);
    const tagOf = (answer: Response | undefined): string => answer?.headers.get("etag") ?? "none";

    expect((await change(1, { "if-match": "*" })).status).toBe(412);
    const made = await Promise.all([1, 2].map((value) => change(value, { "if-none-match": "*" })));
    expect(made.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412]);
    const seen = await send("GET", path);
    expect(made.map(tagOf)).toEqual([tagOf(seen), tagOf(seen)]);

    const both = await Promise.all([3, 4].map((value) => change(value, { "if-match": tagOf(seen) })));
    const [won, lost] = both.toSorted((a, b) => a.status - b.status);
    expect([won?.status, lost?.status]).toEqual([200, 412]);
    expect(await lost?.json()).toMatchObject({ code: "PRECONDITION_FAILED" });
    const now = await send("GET", path);
    expect(await now.json()).toEqual(await won?.json());
    expect([tagOf(won), tagOf(lost)]).toEqual([tagOf(now), tagOf(now)]);
    expect(tagOf(now)).not.toBe(tagOf(seen));

    expect((await send("DELETE", path, undefined, undefined, { "if-match": tagOf(seen) })).status).toBe(412);
    expect((await change(5, { "if-match": `W/${tagOf(now)}` })).status).toBe(412);
    expect((await change(5, { "if-match": `"other", ${tagOf(now)}` })).status).toBe(200);
    expect((await change(6, {})).status).toBe(200);
    const last = tagOf(await send("GET", path));
    expect((await send("DELETE", path, undefined, undefined, { "if-match": last })).status).toBe(204);
    expect((await send("DELETE", path, undefined, undefined, { "if-match": last })).status).toBe(404);
    expect((await send("GET", path)).status).toBe(404);
  });

  it("is for those above tenants; another tenant's repository does not exist", async () => {
    for (const [method, path, body] of [
      ["GET", "collection/saved-plan", undefined],
      ["POST", "collection/apply", {}],
      ["POST", "collection/simulate", { at: "2099-01-01T00:00:00Z" }],
      ["GET", "tag-policies", undefined],
      ["GET", "tag-policies/x", undefined],
      ["PUT", "tag-policies/x", { matching: "*", rules: {} }],
      ["DELETE", "tag-policies/x", undefined],
    ] as const) {
      for (const as of ["acme", "acmeReader", "globex"] as const) {
        expect((await send(method, path, body, as)).status).toBe(403);
      }
    }
    expect((await send("GET", "repositories/acme/tagged/tag-verdicts", undefined, "globex")).status).toBe(404);
    expect((await send("GET", "repositories/acme/none/tag-verdicts", undefined, "acme")).status).toBe(404);
  });
});
