import { randomBytes } from "node:crypto";
import { afterAll, describe, expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";
import { errorOf, openDoor, type Who } from "../testing/index.ts";

const door = await openDoor();
const { call, push, begin } = door;
afterAll(() => door.close());

describe("uploads (Pushing blobs)", () => {
  const bytes = randomBytes(250_000);
  const digest = digestOf(bytes);

  it("POST then PUT", async () => {
    const location = await begin("acme/up1");
    expect(location).toMatch(/^\/v2\/acme\/up1\/blobs\/uploads\/[0-9a-f-]{36}$/);
    const response = await call("PUT", `${location}?digest=${digest}`, { body: bytes });
    expect(response.status).toBe(201);
    expect(response.headers.get("location")).toBe(`/v2/acme/up1/blobs/${digest}`);
    expect((await call("HEAD", `/v2/acme/up1/blobs/${digest}`)).status).toBe(200);
  });

  it("PATCH as a stream of unknown length, then PUT without a body", async () => {
    const location = await begin("acme/up2");
    const patched = await call("PATCH", location, { body: new Blob([bytes]).stream() });
    expect(patched.status).toBe(202);
    expect(patched.headers.get("range")).toBe("0-249999");
    expect((await call("PUT", `${location}?digest=${digest}`)).status).toBe(201);
  });

  it("PATCH in chunks, in order; 416 out of order; GET tells where it stands; the last chunk may come with the PUT", async () => {
    const location = await begin("acme/up3");
    const chunk = (start: number, end: number, method = "PATCH", query = ""): Promise<Response> =>
      call(method, location + query, {
        headers: { "content-range": `${start}-${end - 1}` },
        body: bytes.subarray(start, end),
      });
    expect((await chunk(0, 100_000)).status).toBe(202);
    expect(await errorOf(await chunk(150_000, 200_000))).toBe("416 BLOB_UPLOAD_INVALID");
    expect(await errorOf(await chunk(0, 100_000))).toBe("416 BLOB_UPLOAD_INVALID");
    const status = await call("GET", location);
    expect(status.status).toBe(204);
    expect(status.headers.get("range")).toBe("0-99999");
    expect((await chunk(100_000, 200_000)).headers.get("range")).toBe("0-199999");
    expect(await errorOf(await chunk(0, 50_000, "PUT", `?digest=${digest}`))).toBe("416 BLOB_UPLOAD_INVALID");
    expect((await chunk(200_000, 250_000, "PUT", `?digest=${digest}`)).status).toBe(201);
  });

  it("refuses a Content-Range that is none, or that does not fit Content-Length", async () => {
    const location = await begin("acme/up3");
    const patch = (range: string): Promise<Response> =>
      call("PATCH", location, { headers: { "content-range": range }, body: bytes.subarray(0, 10) });
    expect(await errorOf(await patch("0-10"))).toBe("400 SIZE_INVALID");
    for (const range of ["9-0", "bytes 0-9/10", "-", "0-", "1e3-2"]) {
      expect(await errorOf(await patch(range))).toBe("416 BLOB_UPLOAD_INVALID");
    }
  });

  it("DELETE cancels, and the upload is gone", async () => {
    const location = await begin("acme/up4");
    expect((await call("DELETE", location)).status).toBe(204);
    for (const method of ["GET", "PATCH", "DELETE"]) {
      expect(await errorOf(await call(method, location))).toBe("404 BLOB_UPLOAD_UNKNOWN");
    }
    expect(await errorOf(await call("GET", "/v2/acme/up4/blobs/uploads/not-a-uuid"))).toBe("404 BLOB_UPLOAD_UNKNOWN");
  });

  it("keeps an empty blob, and one named by sha512", async () => {
    await push("acme/up5", new Uint8Array());
    const sha512 = digestOf(bytes, "sha512");
    const response = await call("POST", `/v2/acme/up5/blobs/uploads/?digest-algorithm=sha512`);
    const location = response.headers.get("location") ?? "";
    expect((await call("PUT", `${location}?digest=${sha512}`, { body: bytes })).status).toBe(201);
    expect((await call("HEAD", `/v2/acme/up5/blobs/${sha512}`)).headers.get("docker-content-digest")).toBe(sha512);
  });

  it("refuses a wrong digest, and one that is none; nothing becomes visible", async () => {
    const wrong = digestOf(Buffer.from("other"));
    const location = await begin("acme/up6");
    expect(await errorOf(await call("PUT", `${location}?digest=${wrong}`, { body: bytes }))).toBe("400 DIGEST_INVALID");
    expect(await errorOf(await call("POST", `/v2/acme/up6/blobs/uploads/?digest=${wrong}`, { body: bytes }))).toBe(
      "400 DIGEST_INVALID",
    );
    for (const bad of ["", "sha256:", "md5:abc", "sha256:..%2f..%2fetc"]) {
      expect(await errorOf(await call("PUT", `${location}?digest=${bad}`, { body: bytes }))).toBe("400 DIGEST_INVALID");
    }
    expect((await call("HEAD", `/v2/acme/up6/blobs/${wrong}`)).status).toBe(404);
  });

  it("mounts from a repository that the caller may read, and otherwise begins an upload", async () => {
    await push("acme/source", bytes);
    const mount = (to: string, from: string, as: Who = "admin"): Promise<Response> =>
      call("POST", `/v2/${to}/blobs/uploads/?mount=${digest}&from=${from}`, { as });
    const mounted = await mount("acme/target", "acme/source", "acme");
    expect(mounted.status).toBe(201);
    expect(mounted.headers.get("location")).toBe(`/v2/acme/target/blobs/${digest}`);
    expect((await call("HEAD", `/v2/acme/target/blobs/${digest}`, { as: "acme" })).status).toBe(200);
    expect((await mount("acme/target2", "acme/nothing")).status).toBe(202);
    expect((await mount("acme/target2", "../../etc")).status).toBe(202);
  });

  it("mounts without saying from where what the caller sees somewhere, and nothing else", async () => {
    const seen = await push("acme/private-source", randomBytes(20));
    const others = await push("globex/source", randomBytes(20));
    const mount = async (what: string, as: Who, from = ""): Promise<number> =>
      (await call("POST", `/v2/acme/anywhere/blobs/uploads/?mount=${what}${from}`, { as })).status;
    expect(await mount(seen, "acme")).toBe(201);
    expect((await call("HEAD", `/v2/acme/anywhere/blobs/${seen}`, { as: "acme" })).status).toBe(200);
    expect(await mount(others, "acme")).toBe(202);
    expect(await mount(others, "acme", "&from=")).toBe(202);
    expect(await mount(digestOf(Buffer.from("nobody's")), "acme")).toBe(202);
    expect((await call("HEAD", `/v2/acme/anywhere/blobs/${others}`)).status).toBe(404);
    expect(await mount(others, "admin")).toBe(201);
  });

  it("says how large chunks should be, and takes smaller ones", async () => {
    const response = await call("POST", "/v2/acme/up7/blobs/uploads/");
    expect(Number(response.headers.get("oci-chunk-min-length"))).toBeGreaterThan(bytes.length);
    const location = response.headers.get("location") ?? "";
    for (let start = 0; start < 30; start += 10) {
      const headers = { "content-range": `${start}-${start + 9}` };
      const chunk = bytes.subarray(start, start + 10);
      expect((await call("PATCH", location, { headers, body: chunk })).status).toBe(202);
    }
    const small = digestOf(bytes.subarray(0, 30));
    expect((await call("PUT", `${location}?digest=${small}`)).status).toBe(201);
  });
});
