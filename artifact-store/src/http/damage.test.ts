import { randomBytes } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { digestOf, hexOf, type Digest } from "../digest/index.ts";
import { errorOf, openDoor } from "../testing/index.ts";

const door = await openDoor({}, { verifyReads: true });
const { call, push, raw, requestLines } = door;
afterAll(() => door.close());

const size = 3_000_000;

async function alter(digest: Digest, bytes: Uint8Array): Promise<void> {
  const names = await readdir(join(door.folder, "blobs"), { recursive: true });
  await writeFile(join(door.folder, "blobs", names.find((name) => name.endsWith(hexOf(digest))) ?? ""), bytes);
}

async function pushDamaged(repository: string): Promise<{ digest: Digest; bytes: Uint8Array<ArrayBuffer> }> {
  const bytes = Uint8Array.from(randomBytes(size));
  const digest = await push(repository, bytes);
  const wrong = bytes.slice();
  wrong[size - 1]! ^= 1;
  await alter(digest, wrong);
  return { digest, bytes };
}

describe("damaged bytes at the door", () => {
  it("a connection breaks off before the last byte, and never ends well", async () => {
    const { digest } = await pushDamaged("acme/broken");
    const answer = await raw(`${requestLines("GET", `/v2/acme/broken/blobs/${digest}`)}\r\n`);
    const [head = "", body = ""] = answer.split("\r\n\r\n", 1).concat(answer.slice(answer.indexOf("\r\n\r\n") + 4));
    expect(head).toContain("200 OK");
    expect(head.toLowerCase()).toContain(`content-length: ${size}`);
    expect(body.length).toBeLessThan(size);
    const again = await pushDamaged("acme/broken");
    const response = await call("GET", `/v2/acme/broken/blobs/${again.digest}`);
    await expect(response.arrayBuffer()).rejects.toThrow();
  });

  it("then HEAD answers 404, a mount begins an upload, GET is an error, and a push heals it everywhere", async () => {
    const { digest, bytes } = await pushDamaged("acme/one");
    const mounted = await call("POST", `/v2/acme/two/blobs/uploads/?mount=${digest}&from=acme/one`);
    expect(mounted.status).toBe(201);
    const there = `/v2/acme/one/blobs/${digest}`;
    expect((await call("HEAD", there)).status).toBe(200);
    await expect((await call("GET", there)).arrayBuffer()).rejects.toThrow();
    for (const repository of ["acme/one", "acme/two"]) {
      expect((await call("HEAD", `/v2/${repository}/blobs/${digest}`)).status).toBe(404);
      expect(await errorOf(await call("GET", `/v2/${repository}/blobs/${digest}`))).toBe("500 BLOB_UNKNOWN");
    }
    const mount = await call("POST", `/v2/acme/three/blobs/uploads/?mount=${digest}&from=acme/one`);
    expect(mount.status).toBe(202);
    await push("acme/two", bytes);
    for (const repository of ["acme/one", "acme/two"]) {
      expect((await call("HEAD", `/v2/${repository}/blobs/${digest}`)).status).toBe(200);
      const healed = await call("GET", `/v2/${repository}/blobs/${digest}`);
      expect(digestOf(new Uint8Array(await healed.arrayBuffer()))).toBe(digest);
    }
  });

  it("a range is given as it lies", async () => {
    const { digest, bytes } = await pushDamaged("acme/part");
    const part = await call("GET", `/v2/acme/part/blobs/${digest}`, { headers: { range: "bytes=10-2000000" } });
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(10, 2_000_001))).toBe(true);
    expect((await call("HEAD", `/v2/acme/part/blobs/${digest}`)).status).toBe(200);
  });

  it("a stranger learns nothing of it: not from answers, not from events", async () => {
    const { digest, bytes } = await pushDamaged("acme/secret");
    await push("globex/app", Uint8Array.from(randomBytes(10)), "globex");
    const nothing = digestOf(Buffer.from("nothing"));
    const seen = async (blob: Digest): Promise<string[]> => {
      const mount = await call("POST", `/v2/globex/app/blobs/uploads/?mount=${blob}`, { as: "globex" });
      return [
        await errorOf(await call("GET", `/v2/acme/secret/blobs/${blob}`, { as: "globex" })),
        await errorOf(await call("GET", `/v2/globex/app/blobs/${blob}`, { as: "globex" })),
        String((await call("HEAD", `/v2/globex/app/blobs/${blob}`, { as: "globex" })).status),
        String(mount.status),
      ];
    };
    const before = await seen(digest);
    await expect((await call("GET", `/v2/acme/secret/blobs/${digest}`)).arrayBuffer()).rejects.toThrow();
    expect(await seen(digest)).toEqual(before);
    expect(await seen(nothing)).toEqual(before);
    await push("acme/secret", bytes);
    const told = async (as: "admin" | "globex"): Promise<unknown[]> => {
      const { events } = (await (await call("GET", "/events?after=0&limit=1000", { as })).json()) as {
        events: { type: string; subject: string }[];
      };
      return events.filter(({ subject }) => subject === digest).map(({ type }) => type);
    };
    expect(await told("globex")).toEqual([]);
    expect(await told("admin")).toEqual(["blob.damaged", "blob.healed"]);
  });
});
