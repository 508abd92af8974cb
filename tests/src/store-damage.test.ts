import { createHash, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openStorePlace, type StorePlace } from "./harness/store-places.ts";
import { until } from "./harness/until.ts";

/** A file of the store with other bytes in it, of the same size; answers the hex digits of its digest. */
async function damage(place: StorePlace, bytes: Buffer): Promise<string> {
  const hex = createHash("sha256").update(bytes).digest("hex");
  await writeFile(join(place.root, "blobs/sha256", hex.slice(0, 2), hex), randomBytes(bytes.byteLength));
  return hex;
}

it("a server with --verify-reads breaks off, counts, logs and heals", async () => {
  await using place = await openStorePlace("a server", { ARTIFACT_STORE_VERIFY_READS: "true" });
  const server = place.server!;
  const bytes = randomBytes(3_000_000);
  await writeFile(join(place.work, "precious"), bytes);
  await place.good(["put", "precious", "acme/precious:v1"]);
  const hex = await damage(place, bytes);
  const blob = `${server.url}/v2/acme/precious/blobs/sha256:${hex}`;
  const counted = async (): Promise<(string | undefined)[]> => {
    const metrics = await (await fetch(server.metricsUrl)).text();
    const counts = ["damaged", "healed"].map((what) => new RegExp(`^artifact_store_${what}_blobs_total (\\d+)$`, "m"));
    return counts.map((count) => count.exec(metrics)?.[1]);
  };
  expect(await counted()).toEqual(["0", "0"]);
  await expect((await fetch(blob)).arrayBuffer()).rejects.toThrow();
  expect((await fetch(blob, { method: "HEAD" })).status).toBe(404);
  expect((await fetch(blob)).status).toBe(500);
  expect(await counted()).toEqual(["1", "0"]);
  const logged = (what: string): Promise<string[]> =>
    until(`the line in the log: ${what}`, () => {
      const found = server
        .output()
        .split("\n")
        .filter((line) => line.includes(what));
      return found.length === 0 ? undefined : found;
    });
  expect(await logged("a blob is damaged")).toEqual([expect.stringContaining(hex)]);
  await place.good(["put", "precious", "acme/precious:v2"]);
  await place.good(["verify"]);
  expect(await counted()).toEqual(["1", "1"]);
  expect(await logged("a damaged blob is healed")).toEqual([expect.stringContaining(hex)]);
});

it("`verify` of a folder marks what it finds, and the next push heals it", async () => {
  await using place = await openStorePlace("a folder");
  const bytes = randomBytes(3_000_000);
  await writeFile(join(place.work, "precious"), bytes);
  await place.good(["put", "precious", "acme/precious:v1"]);
  const hex = await damage(place, bytes);
  for (const detail of ["have the digest", "was found damaged"]) {
    const { code, stdout } = await place.run(["verify", "--quiet"]);
    expect([code, stdout]).toEqual([
      6,
      expect.stringMatching(new RegExp(`corrupt acme/precious@sha256:${hex}: .*${detail}`)),
    ]);
  }
  await place.good(["put", "precious", "acme/precious:v2"]);
  await place.good(["verify"]);
});
