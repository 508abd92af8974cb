import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";
import { openDoor } from "../testing/index.ts";

const door = await openDoor();
const { folder, call, begin, raw, requestLines } = door;
afterAll(() => door.close());

describe("hostile requests", () => {
  it.each([
    "/v2/..%2f..%2fetc/passwd/blobs/sha256:x",
    "/v2/%2e%2e/%2e%2e/manifests/latest",
    "/v2/acme/..%2F..%2Fglobex/tags/list",
    "/v2/acme/app%00/tags/list",
    "/v2/ACME/app/tags/list",
    "/v2/acme%5c..%5capp/tags/list",
    `/v2/${"a/".repeat(200)}a/tags/list`,
    "/v2/acme/app%zz/tags/list",
  ])("no name leads out: %s", async (path) => {
    const answer = await raw(`${requestLines("GET", path)}\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 (400|404) /);
  });

  it.each(["101000000", "9007199254740993", "99999999999999999999999", "-1", "1e3", "0x10"])(
    "answers 4xx at once to Content-Length: %s",
    async (length) => {
      const answer =
        await raw(`${requestLines("POST", `/v2/acme/app/blobs/uploads/?digest=${digestOf(Buffer.from("x"))}`)}Content-Length: ${length}

`);
      expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    },
  );

  it("a body that ends early is no blob, and its upload goes on where it ended", async () => {
    const bytes = randomBytes(100_000);
    const location = await begin("acme/short");
    const head = Buffer.from(`${requestLines("PATCH", location)}Content-Length: 100000

`);
    await raw(Buffer.concat([head, bytes.subarray(0, 60_000)]), "leave");
    // What had arrived when the connection broke is kept; how much that is, is the network's to say, and it may still be
    // on its way to the disk.
    await expect
      .poll(async () => {
        const last = Number((await call("GET", location)).headers.get("range")?.split("-")[1]);
        const offset = last === 0 ? 0 : last + 1;
        expect(offset).toBeLessThanOrEqual(60_000);
        const rest = { headers: { "content-range": `${offset}-99999` }, body: bytes.subarray(offset) };
        return (await call("PATCH", location, rest)).status;
      })
      .toBe(202);
    expect((await call("PUT", `${location}?digest=${digestOf(bytes)}`)).status).toBe(201);
  });

  it("a client that promises a body and sends nothing is let go, and so is one that never ends its headers", async () => {
    const location = await begin("acme/slow");
    const body = await raw(`${requestLines("PATCH", location)}Content-Length: 1000\r\n\r\nabc`);
    const headers = await raw("GET /v2/ HTTP/1.1\r\nHost: x\r\n");
    for (const answer of [body, headers]) expect(answer).toMatch(/^(HTTP\/1\.1 408 |$)/);
    await expect.poll(async () => (await call("GET", location)).headers.get("range")).toBe("0-2");
  });

  it("whatever bytes come instead of a request, the server answers the next one", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", minLength: 1, maxLength: 200 }), async (garbage) => {
        const answer = await raw(`${garbage}\r\n\r\n`);
        expect(answer).not.toMatch(/^HTTP\/1\.1 5/);
      }),
      { numRuns: 15 },
    );
    expect((await call("GET", "/v2/")).status).toBe(200);
  });

  it("leaves nothing behind of what was refused", async () => {
    const sizes = (await readdir(join(folder, "uploads"))).length;
    for (const body of [randomBytes(70_000), randomBytes(10)]) {
      await call("POST", `/v2/acme/left/blobs/uploads/?digest=${digestOf(Buffer.from("x"))}`, { body });
    }
    expect(await readdir(join(folder, "uploads"))).toHaveLength(sizes);
  });
});
