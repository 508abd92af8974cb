import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf, type Digest } from "../digest/index.ts";
import { errorOf, openDoor } from "../testing/index.ts";

const door = await openDoor();
const { call, push, raw, requestLines } = door;
afterAll(() => door.close());

describe("blobs (Pulling blobs, Deleting Blobs)", () => {
  const bytes = randomBytes(300_000);
  let digest: Digest;
  const path = (): string => `/v2/acme/blobs-test/blobs/${digest}`;
  beforeAll(async () => {
    digest = await push("acme/blobs-test", bytes);
  });

  it("GET gives the bytes, HEAD the same headers without them", async () => {
    const got = await call("GET", path());
    expect(Buffer.from(await got.arrayBuffer()).equals(bytes)).toBe(true);
    const head = await call("HEAD", path());
    for (const response of [got, head]) {
      expect(response.status).toBe(200);
      expect(response.headers.get("content-length")).toBe("300000");
      expect(response.headers.get("docker-content-digest")).toBe(digest);
      expect(response.headers.get("accept-ranges")).toBe("bytes");
    }
    expect(await head.text()).toBe("");
  });

  it.each([
    ["bytes=0-0", 0, 1],
    ["bytes=10-19", 10, 20],
    ["bytes=299999-", 299_999, 300_000],
    ["bytes=299990-400000", 299_990, 300_000],
    ["bytes=-5", 299_995, 300_000],
    ["bytes=-999999", 0, 300_000],
  ])("GET with Range: %s gives that part", async (range, start, end) => {
    const response = await call("GET", path(), { headers: { range } });
    expect(response.status).toBe(206);
    expect(response.headers.get("content-range")).toBe(`bytes ${start}-${end - 1}/300000`);
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes.subarray(start, end))).toBe(true);
  });

  it("answers 416 to a range that the blob has nothing of, and the whole to what is no single range", async () => {
    const beyond = await call("GET", path(), { headers: { range: "bytes=300000-" } });
    expect(beyond.headers.get("content-range")).toBe("bytes */300000");
    expect(await errorOf(beyond)).toBe("416 SIZE_INVALID");
    expect(await errorOf(await call("GET", path(), { headers: { range: "bytes=5-2" } }))).toBe("416 SIZE_INVALID");
    for (const range of ["bytes=a-b", "items=0-1", "bytes=0-1,5-6"]) {
      const response = await call("GET", path(), { headers: { range } });
      expect(response.status).toBe(200);
      await response.body?.cancel();
    }
    const stale = await call("GET", path(), { headers: { range: "bytes=0-1", "if-range": '"other"' } });
    expect(stale.status).toBe(200);
    await stale.body?.cancel();
  });

  it("answers 304 to a client that has it", async () => {
    const response = await call("GET", path(), { headers: { "if-none-match": `"other", "${digest}"` } });
    expect(response.status).toBe(304);
  });

  it("refuses what is no digest, and knows nothing of one that was never pushed", async () => {
    const unknown = digestOf(Buffer.from("never pushed"));
    expect(await errorOf(await call("GET", "/v2/acme/blobs-test/blobs/sha256:xyz"))).toBe("400 DIGEST_INVALID");
    expect(await errorOf(await call("GET", `/v2/acme/blobs-test/blobs/${unknown}`))).toBe("404 BLOB_UNKNOWN");
    expect(await errorOf(await call("GET", `/v2/acme/nowhere/blobs/${unknown}`))).toBe("404 NAME_UNKNOWN");
    expect((await call("HEAD", `/v2/acme/blobs-test/blobs/${unknown}`)).status).toBe(404);
  });

  it("DELETE takes it from the repository", async () => {
    const gone = await push("acme/blobs-test", randomBytes(10));
    expect((await call("DELETE", `/v2/acme/blobs-test/blobs/${gone}`)).status).toBe(202);
    expect((await call("HEAD", `/v2/acme/blobs-test/blobs/${gone}`)).status).toBe(404);
    expect(await errorOf(await call("DELETE", `/v2/acme/blobs-test/blobs/${gone}`))).toBe("404 BLOB_UNKNOWN");
  });

  it("a reader that goes away in the middle does no harm", async () => {
    const large = await push("acme/blobs-test", randomBytes(20_000_000));
    await Promise.all(
      Array.from({ length: 10 }, () =>
        raw(`${requestLines("GET", `/v2/acme/blobs-test/blobs/${large}`)}\r\n`, "leave"),
      ),
    );
    expect((await call("HEAD", `/v2/acme/blobs-test/blobs/${large}`)).status).toBe(200);
  });
});
