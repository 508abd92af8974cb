import { createHash, randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { digestOf } from "../../digest/index.ts";
import { openDoor, type Who } from "../../testing/index.ts";

const door = await openDoor();
afterAll(() => door.close());

const version = { "tus-resumable": "1.0.0" };
const chunkType = { "content-type": "application/offset+octet-stream" };
const creation = "/api/v1/repositories/acme/app/uploads";

type Headers = Readonly<Record<string, string>>;

function call(method: string, path: string, headers: Headers = {}, body?: Uint8Array<ArrayBuffer>, as?: Who) {
  const sent = { ...version, ...headers };
  return door.call(method, path, { headers: sent, ...(body === undefined ? {} : { body }), ...(as && { as }) });
}

async function create(headers: Headers, repository = "acme/app"): Promise<string> {
  const response = await call("POST", `/api/v1/repositories/${repository}/uploads`, headers);
  expect(response.status).toBe(201);
  return response.headers.get("location") ?? "";
}

function patch(location: string, offset: number, body: Uint8Array<ArrayBuffer>, headers: Headers = {}) {
  return call("PATCH", location, { ...chunkType, "upload-offset": String(offset), ...headers }, body);
}

async function offsetOf(location: string): Promise<number> {
  const response = await call("HEAD", location);
  expect(response.status).toBe(200);
  expect(response.headers.get("cache-control")).toBe("no-store");
  return Number(response.headers.get("upload-offset"));
}

describe("tus 1.0", () => {
  const bytes = randomBytes(250_000);
  const digest = digestOf(bytes);

  it("says what it can, to whoever may push", async () => {
    const response = await door.call("OPTIONS", creation);
    expect(response.status).toBe(204);
    expect(response.headers.get("tus-version")).toBe("1.0.0");
    expect(response.headers.get("tus-max-size")).toBe("100000000");
    expect(response.headers.get("tus-extension")?.split(",")).toEqual(
      expect.arrayContaining(["creation", "checksum", "expiration", "termination", "concatenation"]),
    );
    expect(response.headers.get("tus-checksum-algorithm")).toContain("sha1");
  });

  it("creation, chunks, and at the length a blob: readable, and told to whoever asks after the end", async () => {
    const location = await create({ "upload-length": "250000", "upload-metadata": "filename YS50eHQ=,empty" });
    expect(location).toMatch(/^\/api\/v1\/repositories\/acme\/app\/uploads\/[0-9a-f-]{36}$/);
    const first = await patch(location, 0, bytes.subarray(0, 100_000));
    expect(first.status).toBe(204);
    expect(first.headers.get("upload-offset")).toBe("100000");
    expect(Date.parse(first.headers.get("upload-expires") ?? "")).toBeGreaterThan(Date.now());
    expect(await offsetOf(location)).toBe(100_000);
    const last = await patch(location, 100_000, bytes.subarray(100_000));
    expect(last.headers.get("docker-content-digest")).toBe(digest);
    const after = await call("HEAD", location);
    expect(after.headers.get("upload-offset")).toBe("250000");
    expect(after.headers.get("upload-length")).toBe("250000");
    expect(after.headers.get("upload-metadata")).toBe("filename YS50eHQ=,empty");
    expect(after.headers.get("docker-content-digest")).toBe(digest);
    const blob = await door.call("GET", after.headers.get("content-location") ?? "");
    expect(Buffer.from(await blob.arrayBuffer()).equals(bytes)).toBe(true);
    // Whoever missed the answer sends the end again.
    const again = await patch(location, 250_000, Buffer.alloc(0));
    expect([again.status, again.headers.get("docker-content-digest")]).toEqual([204, digest]);
  });

  it("creation with upload, an empty upload, and a length that is said later", async () => {
    const whole = await call("POST", creation, { ...chunkType, "upload-length": "250000" }, bytes);
    expect([whole.status, whole.headers.get("upload-offset")]).toEqual([201, "250000"]);
    expect(whole.headers.get("docker-content-digest")).toBe(digest);
    const empty = await call("POST", creation, { "upload-length": "0" });
    expect(empty.headers.get("docker-content-digest")).toBe(digestOf(Buffer.alloc(0)));
    const location = await create({ "upload-defer-length": "1" });
    await patch(location, 0, bytes.subarray(0, 10));
    expect((await call("HEAD", location)).headers.get("upload-defer-length")).toBe("1");
    const last = await patch(location, 10, bytes.subarray(10), { "upload-length": "250000" });
    expect(last.headers.get("docker-content-digest")).toBe(digest);
  });

  it("an upload that says its digest is that, or is gone", async () => {
    const metadata = (text: string): string => `digest ${btoa(text)}`;
    const right = await create({ "upload-length": "250000", "upload-metadata": metadata(digest) });
    expect((await patch(right, 0, bytes)).headers.get("docker-content-digest")).toBe(digest);
    const other = digestOf(Buffer.from("other"));
    const wrong = await create({ "upload-length": "250000", "upload-metadata": metadata(other) });
    const refused = await patch(wrong, 0, bytes);
    expect([refused.status, await refused.json()]).toMatchObject([400, { code: "DIGEST_INVALID" }]);
    expect((await call("HEAD", wrong)).status).toBe(404);
    expect((await call("POST", creation, { "upload-length": "1", "upload-metadata": metadata("md5:x") })).status).toBe(
      400,
    );
  });

  it("a chunk whose checksum is wrong counts for nothing, and leaves nothing", async () => {
    const location = await create({ "upload-length": "250000" });
    const chunk = bytes.subarray(0, 200_000);
    const sum = (algorithm: string, of: Uint8Array): Headers => ({
      "upload-checksum": `${algorithm} ${createHash(algorithm).update(of).digest("base64")}`,
    });
    const wrong = await patch(location, 0, chunk, sum("sha1", bytes));
    expect(wrong.status).toBe(460);
    expect(await offsetOf(location)).toBe(0);
    expect((await patch(location, 0, chunk, { "upload-checksum": "crc32 AAAA" })).status).toBe(400);
    expect((await patch(location, 0, chunk, sum("sha256", chunk))).headers.get("upload-offset")).toBe("200000");
    const last = await patch(location, 200_000, bytes.subarray(200_000), sum("md5", bytes.subarray(200_000)));
    expect(last.headers.get("docker-content-digest")).toBe(digest);
    expect(await readdir(join(door.folder, "spool")).catch(() => [])).toEqual([]);
  });

  it("concatenation: parts that come side by side become one blob, in the order that is named", async () => {
    const cut = 100_000;
    const [first, second] = await Promise.all([
      create({ "upload-length": String(cut), "upload-concat": "partial" }),
      create({ "upload-length": String(bytes.byteLength - cut), "upload-concat": "partial" }),
    ]);
    const early = await call("POST", creation, { "upload-concat": `final;${first} ${second}` });
    expect([early.status, await early.json()]).toMatchObject([400, { code: "SIZE_INVALID" }]);
    await Promise.all([patch(first, 0, bytes.subarray(0, cut)), patch(second, 0, bytes.subarray(cut))]);
    expect((await call("HEAD", first)).headers.get("upload-concat")).toBe("partial");
    const final = await call("POST", creation, { "upload-concat": `final;${door.url}${first} ${second}` });
    expect(final.status).toBe(201);
    expect(final.headers.get("docker-content-digest")).toBe(digest);
    const location = final.headers.get("location") ?? "";
    expect((await call("HEAD", location)).headers.get("upload-concat")).toBe("final");
    expect((await patch(location, 250_000, Buffer.from("x"))).status).toBe(403);
  });

  it("termination ends it", async () => {
    const location = await create({ "upload-length": "5" });
    expect((await call("DELETE", location)).status).toBe(204);
    expect((await call("HEAD", location)).status).toBe(404);
    expect((await patch(location, 0, Buffer.from("12345"))).status).toBe(404);
  });

  it("refuses what does not fit: offset, length, media type, version, headers that are none", async () => {
    const location = await create({ "upload-length": "5" });
    const wrong = await patch(location, 3, Buffer.from("45"));
    expect([wrong.status, wrong.headers.get("upload-offset")]).toEqual([409, "0"]);
    expect((await patch(location, 0, Buffer.from("123456"))).status).toBe(400);
    expect(await offsetOf(location)).toBe(0);
    expect((await patch(location, 0, Buffer.from("1"), { "content-type": "text/plain" })).status).toBe(415);
    expect((await patch(location, 0, Buffer.from("1"), { "upload-offset": "-1" })).status).toBe(400);
    const old = await call("HEAD", location, { "tus-resumable": "0.2.2" });
    expect([old.status, old.headers.get("tus-version")]).toEqual([412, "1.0.0"]);
    const bad: readonly Headers[] = [
      {},
      { "upload-length": "-1" },
      { "upload-length": "1", "upload-defer-length": "1" },
      { "upload-defer-length": "2" },
      { "upload-length": "1", "upload-concat": "nonsense" },
      { "upload-length": "1", "upload-concat": `final;${location}` },
      { "upload-concat": "final;" },
      { "upload-length": "1", "upload-metadata": "a b c" },
    ];
    for (const headers of bad) expect((await call("POST", creation, headers)).status).toBe(400);
    expect((await call("POST", creation, { "upload-length": "100000001" })).status).toBe(413);
    const long = { "upload-length": "1", "upload-metadata": `a ${"YWFh".repeat(1200)}` };
    expect((await call("POST", creation, long)).status).toBe(400);
  });

  it("is the session that the OCI door knows by the same id", async () => {
    const location = await create({ "upload-length": "250000" });
    await patch(location, 0, bytes.subarray(0, 1000));
    const id = location.split("/").at(-1) ?? "";
    const status = await door.call("GET", `/v2/acme/app/blobs/uploads/${id}`);
    expect(status.headers.get("range")).toBe("0-999");
  });

  it("another tenant's upload does not exist, and a reader may not begin one", async () => {
    const location = await create({ "upload-length": "5" });
    for (const method of ["HEAD", "DELETE"]) {
      expect((await call(method, location, {}, undefined, "globex")).status).toBe(404);
    }
    const moved = location.replace("/acme/app/", "/globex/app/");
    expect((await call("HEAD", moved, {}, undefined, "globex")).status).toBe(404);
    const begun = await call("POST", creation, { "upload-length": "1" }, undefined, "globex");
    const nowhere = await call("POST", creation.replace("app", "none"), { "upload-length": "1" }, undefined, "globex");
    expect([begun.status, nowhere.status]).toEqual([404, 404]);
    expect((await call("POST", creation, { "upload-length": "1" }, undefined, "acmeReader")).status).toBe(403);
    // A part of another's is none.
    const concat = { "upload-concat": `final;${location}` };
    const joined = await call("POST", "/api/v1/repositories/globex/app/uploads", concat, undefined, "globex");
    expect(joined.status).toBe(404);
  });

  it("a connection that breaks in a chunk loses nothing that came, and nothing that is told is taken back", async () => {
    const location = await create({ "upload-length": "250000" });
    const head = `${door.requestLines("PATCH", location)}Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: 250000\r\n\r\n`;
    await door.raw(Buffer.concat([Buffer.from(head), bytes.subarray(0, 60_000)]), "end");
    // The connection may be over before what came by it is written.
    await expect.poll(() => offsetOf(location)).toBe(60_000);
    const last = await patch(location, 60_000, bytes.subarray(60_000));
    expect(last.headers.get("docker-content-digest")).toBe(digest);
  });
});
