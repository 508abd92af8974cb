import { randomBytes } from "node:crypto";
import { afterAll, describe, expect, it } from "vitest";
import { digestOf } from "../../digest/index.ts";
import { openDoor, type Who } from "../../testing/index.ts";
import { reprDigest } from "./headers.ts";

const door = await openDoor();
afterAll(() => door.close());

const creation = "/api/v1/repositories/acme/app/uploads";
const partialType = { "content-type": "application/partial-upload" };

type Headers = Readonly<Record<string, string>>;

function call(method: string, path: string, headers: Headers = {}, body?: Uint8Array<ArrayBuffer>, as?: Who) {
  return door.call(method, path, { headers, ...(body === undefined ? {} : { body }), ...(as && { as }) });
}

function append(
  location: string,
  offset: number,
  complete: boolean,
  body: Uint8Array<ArrayBuffer>,
  more: Headers = {},
) {
  const headers = {
    ...partialType,
    "upload-offset": String(offset),
    "upload-complete": complete ? "?1" : "?0",
    ...more,
  };
  return call("PATCH", location, headers, body);
}

async function create(headers: Headers = {}, body?: Uint8Array<ArrayBuffer>): Promise<string> {
  const response = await call("POST", creation, { "upload-complete": "?0", ...headers }, body);
  expect(response.status).toBe(201);
  expect(response.headers.get("upload-complete")).toBe("?0");
  expect(response.headers.get("upload-limit")).toContain("max-size=100000000");
  return response.headers.get("location") ?? "";
}

describe("Resumable Uploads for HTTP (IETF draft)", () => {
  const bytes = randomBytes(250_000);
  const digest = digestOf(bytes);

  it("says its limits", async () => {
    const response = await door.call("OPTIONS", creation);
    expect(response.headers.get("upload-limit")).toBe("max-size=100000000, min-size=0");
    expect(response.headers.get("accept-patch")).toContain("application/partial-upload");
  });

  it("all in one request, resumable or not, ends as a blob", async () => {
    for (const headers of [{ "upload-complete": "?1" }, {}]) {
      const response = await call("POST", creation, headers, bytes);
      expect(response.status).toBe(201);
      expect(await response.json()).toEqual({ digest, size: 250_000 });
      expect(response.headers.get("location")).toBe(`/v2/acme/app/blobs/${digest}`);
      expect(response.headers.get("repr-digest")).toBe(reprDigest(digest));
    }
  });

  it("in parts, with its offset to be asked for, and its final answer to be heard again", async () => {
    const location = await create({ "upload-length": "250000" }, bytes.subarray(0, 50_000));
    const status = await call("HEAD", location);
    expect(status.status).toBe(204);
    expect(Object.fromEntries(status.headers)).toMatchObject({
      "upload-offset": "50000",
      "upload-complete": "?0",
      "upload-length": "250000",
      "cache-control": "no-store",
    });
    expect(status.headers.get("upload-limit")).toMatch(/max-age=\d+/);
    const middle = await append(location, 50_000, false, bytes.subarray(50_000, 100_000));
    expect([middle.status, middle.headers.get("upload-complete")]).toEqual([204, "?0"]);
    const last = await append(location, 100_000, true, bytes.subarray(100_000));
    expect([last.status, last.headers.get("upload-complete")]).toEqual([201, "?1"]);
    expect(await last.json()).toEqual({ digest, size: 250_000 });
    expect((await call("HEAD", location)).headers.get("upload-complete")).toBe("?1");
    const again = await append(location, 250_000, true, Buffer.alloc(0));
    expect([again.status, await again.json()]).toEqual([201, { digest, size: 250_000 }]);
    const more = await append(location, 250_000, false, Buffer.from("x"));
    expect([more.status, await more.json()]).toMatchObject([400, { code: "COMPLETED_UPLOAD" }]);
  });

  it("of unknown length, completed by a request without content", async () => {
    const location = await create({}, bytes);
    const end = await append(location, 250_000, true, Buffer.alloc(0));
    expect(await end.json()).toEqual({ digest, size: 250_000 });
  });

  it("announces the upload by 104 to clients of this version of the draft, and to no others", async () => {
    const request = (version: string): Promise<string> =>
      door.raw(`${door.requestLines("POST", creation)}${version}Upload-Complete: ?1\r\nContent-Length: 5\r\n\r\n12345`);
    const told = await request("Upload-Draft-Interop-Version: 8\r\n");
    expect(told).toMatch(/^HTTP\/1\.1 104 Upload Resumption Supported\r\n/);
    expect(told.split("\r\n\r\n")[0]).toMatch(/Location: \/api\/v1\/repositories\/acme\/app\/uploads\/[0-9a-f-]{36}/);
    expect(told.split("\r\n\r\n")[0]).toContain("Upload-Draft-Interop-Version: 8");
    expect(told.split("\r\n\r\n")[1]).toMatch(/^HTTP\/1\.1 201 Created/);
    for (const version of ["", "Upload-Draft-Interop-Version: 7\r\n"]) {
      expect(await request(version)).toMatch(/^HTTP\/1\.1 201 Created/);
    }
  });

  it("goes on after a connection that broke, where 104 said that it is", async () => {
    const lines = `Upload-Draft-Interop-Version: 8\r\nUpload-Complete: ?1\r\nContent-Length: 250000\r\n\r\n`;
    const cut = Buffer.concat([Buffer.from(door.requestLines("POST", creation) + lines), bytes.subarray(0, 70_000)]);
    const heard = await door.raw(cut, "end");
    const location = /Location: (\S+)/.exec(heard)?.[1] ?? "";
    // The connection may be over before what came by it is written.
    await expect.poll(async () => (await call("HEAD", location)).headers.get("upload-offset")).toBe("70000");
    expect((await call("HEAD", location)).headers.get("upload-length")).toBe("250000");
    const end = await append(location, 70_000, true, bytes.subarray(70_000));
    expect(await end.json()).toEqual({ digest, size: 250_000 });
  });

  it("refuses a wrong offset with the right one, lengths that differ, and another media type", async () => {
    const location = await create({ "upload-length": "10" }, Buffer.from("12345"));
    const wrong = await append(location, 3, false, Buffer.from("45"));
    expect([wrong.status, wrong.headers.get("upload-offset"), wrong.headers.get("upload-complete")]).toEqual([
      409,
      "5",
      "?0",
    ]);
    expect(await wrong.json()).toMatchObject({ code: "MISMATCHING_UPLOAD_OFFSET" });
    const other = await append(location, 5, false, Buffer.from("6"), { "upload-length": "11" });
    expect([other.status, await other.json()]).toMatchObject([400, { code: "INCONSISTENT_UPLOAD_LENGTH" }]);
    const short = await append(location, 5, true, Buffer.from("6"));
    expect([short.status, await short.json()]).toMatchObject([400, { code: "INCONSISTENT_UPLOAD_LENGTH" }]);
    expect((await append(location, 5, false, Buffer.from("6"), { "content-type": "text/plain" })).status).toBe(415);
    expect((await call("PATCH", location, { ...partialType, "upload-offset": "5" }, Buffer.from("6"))).status).toBe(
      400,
    );
    // Nothing of it counted.
    expect((await call("HEAD", location)).headers.get("upload-offset")).toBe("5");
  });

  it("ends an upload that gets longer than it said", async () => {
    const location = await create({ "upload-length": "10" }, Buffer.from("12345"));
    expect((await append(location, 5, false, Buffer.from("6789012345"))).status).toBe(400);
    expect((await call("HEAD", location)).status).toBe(404);
  });

  it("checks Repr-Digest, and forgets bytes that do not have it", async () => {
    const right = await call("POST", creation, { "upload-complete": "?1", "repr-digest": reprDigest(digest) }, bytes);
    expect(right.status).toBe(201);
    const other = reprDigest(digestOf(Buffer.from("other")));
    const wrong = await call("POST", creation, { "upload-complete": "?1", "repr-digest": other }, bytes);
    expect([wrong.status, await wrong.json()]).toMatchObject([400, { code: "DIGEST_INVALID" }]);
  });

  it("can be cancelled, and is its tenant's alone", async () => {
    const location = await create();
    for (const method of ["HEAD", "DELETE"]) {
      expect((await call(method, location, {}, undefined, "globex")).status).toBe(404);
    }
    expect((await call("DELETE", location)).status).toBe(204);
    expect((await call("HEAD", location)).status).toBe(404);
  });
});
