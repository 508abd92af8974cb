import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";
import { openDoor, type Who } from "../testing/index.ts";

type Door = Awaited<ReturnType<typeof openDoor>>;
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // Whatever the server says; the tests look at it.
  readonly json: Readonly<Record<string, never>> & { readonly [key: string]: unknown };
}

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(() => door.close());

const described = {
  repository: "acme/runs",
  producer: "guide-board",
  kind: "cmis",
  labels: { outcome: "passed", subject: "a, b" },
};

async function call(
  method: string,
  path: string,
  o: { as?: Who; json?: unknown; body?: Uint8Array<ArrayBuffer> | string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const body = o.json === undefined ? o.body : JSON.stringify(o.json);
  const response = await door.call(method, `/api/v1${path}`, {
    as: o.as ?? "acme",
    headers: { ...(o.json === undefined ? {} : { "content-type": "application/json" }), ...o.headers },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  const isJson = (response.headers.get("content-type") ?? "").includes("json");
  return { status: response.status, headers: response.headers, json: (isJson ? JSON.parse(text) : { text }) as never };
}

async function open(more: object = {}): Promise<string> {
  const { json, status } = await call("POST", "/packages", { json: { ...described, ...more } });
  expect(status).toBe(201);
  return String(json["id"]);
}
async function sealed(more: object = {}): Promise<string> {
  const id = await open(more);
  expect((await call("POST", `/packages/${id}/files?path=a.txt`, { body: "hello" })).status).toBe(201);
  expect((await call("PUT", `/packages/${id}/seal`)).status).toBe(200);
  return id;
}

describe("packages over HTTP", () => {
  it("are opened, filled, sealed, read whole and in part, and pulled as a manifest", async () => {
    const id = await open();
    const path = encodeURIComponent("reports/ü x.txt");
    const digest = digestOf(Buffer.from("0123456789"));
    const added = await call("POST", `/packages/${id}/files?path=${path}&digest=${digest}`, {
      body: "0123456789",
      headers: { "content-type": "text/plain" },
    });
    expect(added.json).toEqual({ path: "reports/ü x.txt", mediaType: "text/plain", size: 10, digest });
    expect((await call("POST", `/packages/${id}/files?path=empty`)).json["size"]).toBe(0);
    const done = await call("PUT", `/packages/${id}/seal`);
    expect(done.json).toMatchObject({ state: "sealed", fileCount: 2, size: 10, labels: described.labels });
    const file = await door.call("GET", `/api/v1/packages/${id}/files/reports/${encodeURIComponent("ü x.txt")}`, {
      headers: { range: "bytes=2-4" },
    });
    expect([file.status, await file.text(), file.headers.get("content-range")]).toEqual([206, "234", "bytes 2-4/10"]);
    expect(file.headers.get("content-disposition")).toContain("attachment");
    expect((await call("GET", `/packages/${id}/files`)).json["items"]).toHaveLength(2);
    const manifest = await door.call("GET", `/v2/acme/runs/manifests/${String(done.json["digest"])}`);
    expect(await manifest.json()).toMatchObject({ artifactType: "application/vnd.waybill.package.v1+json" });
    expect((await call("POST", `/packages/${id}/files?path=late`, { body: "x" })).json).toMatchObject({
      status: 409,
      code: "PACKAGE_SEALED",
    });
  });

  it("take a blob that was uploaded before, by its digest", async () => {
    const id = await open();
    const blob = await door.push("acme/runs", Buffer.from("resumable"), "acme");
    const added = await call("POST", `/packages/${id}/files?path=big.bin&blob=${blob}`);
    expect(added.json).toMatchObject({ size: 9, digest: blob });
    const foreign = await door.push("globex/runs", Buffer.from("theirs"), "globex");
    expect((await call("POST", `/packages/${id}/files?path=x&blob=${foreign}`)).json["code"]).toBe("BLOB_UNKNOWN");
    expect((await call("POST", `/packages/${id}/files?path=x&blob=${blob}`, { body: "x" })).status).toBe(400);
  });

  it("are opened once for an idempotency key of one caller", async () => {
    const headers = { "idempotency-key": "run-1" };
    const first = await call("POST", "/packages", { json: described, headers });
    expect(first.headers.get("idempotent-replayed")).toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const second = await call("POST", "/packages", { json: described, headers });
    expect(second.json["id"]).toBe(first.json["id"]);
    expect(second.headers.get("idempotent-replayed")).toBe("true");
    expect((await call("POST", "/packages", { json: { ...described, kind: "x" }, headers })).status).toBe(422);
    expect((await call("POST", "/packages", { json: described, headers, as: "admin" })).json["id"]).not.toBe(
      first.json["id"],
    );
    expect((await call("POST", "/packages", { json: described, headers: { "idempotency-key": "a b" } })).status).toBe(
      400,
    );
  });

  it("are found by run, labels and state, page by page", async () => {
    for (const runId of ["p1", "p2", "p3"]) await sealed({ runId, kind: "paged" });
    const first = await call("GET", "/packages?kind=paged&limit=2&outcome=passed&label=subject=a%252C%20b");
    expect((first.json["items"] as unknown as { runId: string }[]).map((one) => one.runId)).toEqual(["p3", "p2"]);
    const rest = await call(
      "GET",
      `/packages?kind=paged&limit=2&outcome=passed&label=subject=a%252C%20b&cursor=${String(first.json["nextCursor"])}`,
    );
    expect(rest.json["items"]).toMatchObject([{ runId: "p1" }]);
    expect(rest.json["nextCursor"]).toBeUndefined();
    expect((await call("GET", `/packages?kind=other&cursor=${String(first.json["nextCursor"])}`)).status).toBe(400);
    expect((await call("GET", "/packages?runId=p2&subject=a%2C%20b")).json["items"]).toHaveLength(1);
    expect((await call("GET", "/packages?state=deleted&kind=paged")).json["items"]).toEqual([]);
    for (const query of [
      "runId=%00",
      "limit=0",
      "limit=1001",
      "cursor=!",
      "state=asleep",
      "label=x",
      "nonsense=1",
      "kind=a&kind=b",
    ]) {
      expect([query, (await call("GET", `/packages?${query}`)).status]).toEqual([query, 400]);
    }
  });

  it("list what another OCI client pushed", async () => {
    const config = await door.push("acme/by-oras", Buffer.from("{}"), "acme");
    const layer = await door.push("acme/by-oras", Buffer.from("artifact"), "acme");
    const manifest = {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      artifactType: "application/vnd.acme.report",
      config: { mediaType: "application/vnd.oci.empty.v1+json", digest: config, size: 2 },
      layers: [
        {
          mediaType: "text/plain",
          digest: layer,
          size: 8,
          annotations: { "org.opencontainers.image.title": "artifact.txt" },
        },
        {
          mediaType: "text/plain",
          digest: layer,
          size: 8,
          annotations: { "org.opencontainers.image.title": "../evil" },
        },
      ],
      annotations: { outcome: "passed" },
    };
    const pushed = await door.call("PUT", "/v2/acme/by-oras/manifests/v1", {
      as: "acme",
      headers: { "content-type": manifest.mediaType },
      body: JSON.stringify(manifest),
    });
    expect(pushed.status).toBe(201);
    const { json } = await call("GET", "/packages?repository=acme/by-oras&outcome=passed");
    expect(json["items"]).toMatchObject([{ producer: "oci", kind: "application/vnd.acme.report", fileCount: 2 }]);
    const [{ id }] = json["items"] as unknown as [{ id: string }];
    const files = (await call("GET", `/packages/${id}/files`)).json["items"] as unknown as { path: string }[];
    expect(files.map((file) => file.path)).toEqual(["artifact.txt", layer.replace(":", "-")]);
    expect((await call("GET", `/packages/${id}/files/artifact.txt`)).json["text"]).toBe("artifact");
    const gone = await call("DELETE", `/packages/${id}?reason=superseded`);
    expect(gone.json).toMatchObject({ state: "deleted", reason: "superseded" });
    expect((await door.call("GET", "/v2/acme/by-oras/manifests/v1")).status).toBe(404);
    expect((await call("GET", `/packages/${id}/files`)).status).toBe(410);
  });

  it("go out and come in as archives", async () => {
    const id = await sealed();
    for (const [extension, type] of [
      ["tar", "application/x-tar"],
      ["tar.gz", "application/gzip"],
      ["tar.zst", "application/zstd"],
      ["zip", "application/zip"],
    ] as const) {
      const archive = await door.call("GET", `/api/v1/packages/${id}.${extension}`, { as: "acme" });
      expect([archive.status, archive.headers.get("content-type")]).toEqual([200, type]);
      const bytes = Buffer.from(await archive.arrayBuffer());
      const into = await open();
      const taken = await call("POST", `/packages/${into}/archive?under=in`, {
        body: bytes,
        headers: { "content-type": type },
      });
      expect([taken.status, taken.json]).toMatchObject([201, { items: [{ path: "in/a.txt", size: 5 }] }]);
      const broken = await call("POST", `/packages/${into}/archive`, {
        body: bytes.subarray(0, bytes.byteLength - 20),
        headers: { "content-type": type },
      });
      expect([extension, broken.status, broken.json["code"]]).toEqual([extension, 400, "ARCHIVE_INVALID"]);
    }
    const into = await open();
    expect(
      (await call("POST", `/packages/${into}/archive`, { body: "x", headers: { "content-type": "a/b" } })).status,
    ).toBe(415);
    expect((await call("GET", `/packages/${id}.rar`)).status).toBe(404);
    const head = await door.call("HEAD", `/api/v1/packages/${id}.zip`, { as: "acme" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  it("are described by those who saw what is there, and nobody's labels are lost", async () => {
    const id = await sealed();
    const etagOf = async (): Promise<string> => (await call("GET", `/packages/${id}`)).headers.get("etag") ?? "";
    const tag = await etagOf();
    const change = (by: string, ifMatch: string) =>
      call("PATCH", `/packages/${id}`, { json: { labels: { by } }, headers: { "if-match": ifMatch } });
    const both = await Promise.all(["ann", "ben"].map((by) => change(by, tag)));
    const [won, lost] = both.toSorted((a, b) => a.status - b.status);
    expect([won?.status, lost?.status]).toEqual([200, 412]);
    expect(lost?.json).toMatchObject({ status: 412, code: "PRECONDITION_FAILED" });
    expect(lost?.headers.get("etag")).toBe(await etagOf());
    expect(won?.headers.get("etag")).toBe(await etagOf());
    expect((await call("GET", `/packages/${id}`)).json["labels"]).toEqual(won?.json["labels"]);
    expect((await change("cid", `"none", ${await etagOf()}`)).status).toBe(200);
    expect((await change("dan", `W/${await etagOf()}`)).status).toBe(412);
    expect((await change("eve", "*")).status).toBe(200);
    const unconditional = { json: { labels: { by: "fay" } } };
    expect((await call("PATCH", `/packages/${id}`, unconditional)).status).toBe(200);
  });

  it("are held, extended, judged and released", async () => {
    const id = await sealed();
    expect((await call("GET", `/packages/${id}/eligibility`)).json).toMatchObject({ verdict: "kept" });
    const held = await call("POST", `/packages/${id}/holds`, { json: { name: "case-7", why: "evidence" } });
    expect(held.json).toMatchObject({ holds: [{ name: "case-7", why: "evidence" }] });
    expect((await call("DELETE", `/packages/${id}`)).json).toMatchObject({ status: 409, code: "HELD" });
    expect((await call("DELETE", `/packages/${id}/holds/case-7`, { as: "acme" })).status).toBe(403);
    const order = { name: "case-8", why: "a court's order" };
    expect((await call("POST", `/packages/${id}/holds`, { as: "admin", json: order })).status).toBe(201);
    const foreign = await call("POST", `/packages/${id}/holds`, { as: "acme", json: { ...order, why: "mine" } });
    expect([foreign.status, foreign.json]).toMatchObject([403, { code: "DENIED" }]);
    expect((await call("DELETE", `/packages/${id}/holds/case-8`, { as: "admin" })).status).toBe(204);
    expect((await call("DELETE", `/packages/${id}/holds/case-7`, { as: "admin" })).status).toBe(204);
    expect((await call("DELETE", `/packages/${id}/holds/case-7`, { as: "admin" })).status).toBe(404);
    const extension = { until: "2030-01-01T00:00:00Z", why: "longer" };
    expect((await call("POST", `/packages/${id}/extensions`, { json: extension })).json["code"]).toBe(
      "RETENTION_INVALID",
    );
    expect((await call("GET", `/packages/${await open()}/retention`)).json["code"]).toBe("PACKAGE_OPEN");
    const changed = await call("PATCH", `/packages/${id}`, { json: { labels: { outcome: "failed" } } });
    expect(changed.json["labels"]).toEqual({ outcome: "failed" });
  });

  it("of another tenant are like packages that never were, on every route", async () => {
    const id = await sealed();
    const never = "5f0c6f0e-8f0b-4f0a-8a3e-2d6b7c9e1f42";
    const routes: [string, string, unknown?][] = [
      ["GET", ""],
      ["PATCH", "", {}],
      ["DELETE", ""],
      ["GET", ".tar"],
      ["POST", "/files?path=a"],
      ["GET", "/files"],
      ["GET", "/files/a.txt"],
      ["POST", "/archive"],
      ["PUT", "/seal"],
      ["GET", "/retention"],
      ["GET", "/eligibility"],
      ["POST", "/extensions", { until: "2030-01-01T00:00:00Z", why: "x" }],
      ["POST", "/holds", { name: "x", why: "y" }],
      ["DELETE", "/holds/x"],
    ];
    for (const [method, path, json] of routes) {
      const of = async (which: string) => {
        const answer = await call(method, `/packages/${which}${path}`, { as: "globex", json });
        return { ...answer.json, instance: "" };
      };
      expect(await of(id)).toEqual(await of(never));
      expect(await of(id)).toMatchObject({ status: 404, code: "PACKAGE_UNKNOWN" });
    }
    expect((await call("GET", "/packages?repository=acme/runs", { as: "globex" })).json["items"]).toEqual([]);
    expect((await call("POST", "/packages", { as: "globex", json: described })).status).toBe(404);
    expect((await call("POST", "/packages", { as: "acmeReader", json: described })).status).toBe(403);
    expect((await call("PUT", `/packages/${id}/seal`, { as: "acmeReader" })).status).toBe(403);
    expect((await call("GET", `/packages/${id}`, { as: "acmeReader" })).status).toBe(200);
  });
});
