import { statfs } from "node:fs/promises";
import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { blobOfSize, registryClient, startStoreServer, type TestPlace } from "../testing/index.ts";

const limitMiB = 256;
const MiB = 1024 * 1024;
const repository = "acme/large";

export interface MemoryLoad {
  readonly pushes: number;
  /** Of each. */
  readonly mebibytes: number;
}

/** Reads a blob as it comes, and keeps nothing of it. */
async function digestShown(url: string, digest: string): Promise<string> {
  const response = await fetch(new URL(`/v2/${repository}/blobs/${digest}`, url));
  const hash = createHash("sha256");
  for await (const chunk of response.body ?? []) hash.update(chunk as Uint8Array);
  return `${response.status} sha256:${hash.digest("hex")}`;
}

/**
 * Streamed pushes of different blobs, all at once, and a few of them read back. Bodies are made while they are sent.
 * Left out, with the reason, where they do not fit.
 */
export function describeMemory(startPlace: () => Promise<TestPlace>, load: MemoryLoad): void {
  const { pushes, mebibytes } = load;
  it(
    `${pushes} pushes of ${mebibytes} MiB at once: the process never has more than ${limitMiB} MiB`,
    { timeout: 7_200_000 },
    async (context) => {
      await using place = await startPlace();
      const { root, ...options } = place.options;
      const { bavail, bsize } = await statfs(root);
      const free = Math.floor((bavail * bsize) / MiB);
      // In a bucket only parts on their way are in the folder.
      const needed = place.kind === "folder" ? pushes * mebibytes * 1.05 : pushes * 64;
      if (free < needed) {
        process.stderr.write(`${pushes} pushes of ${mebibytes} MiB are left out: ${free} MiB are free in ${root}\n`);
        context.skip(`needs ${needed} MiB of disk`);
      }
      await using server = await startStoreServer(root, {}, options);
      const client = registryClient(server.url);
      const blobs = Array.from({ length: pushes }, () => blobOfSize(mebibytes * MiB));
      const startedAt = performance.now();
      const pushed = await Promise.all(
        blobs.map((blob, index) => (index % 2 === 0 ? client.pushStreamed : client.pushWhole)(repository, blob)),
      );
      const seconds = (performance.now() - startedAt) / 1000;
      expect(new Set(pushed.map((answer) => answer.status))).toEqual(new Set([201]));
      for (const { digest } of blobs.slice(0, 3)) expect(await digestShown(server.url, digest)).toBe(`200 ${digest}`);
      client.close();
      const peak = await server.peakMemory();
      process.stdout.write(
        `${place.kind}: peak of ${peak.toFixed(0)} MiB in ${pushes} pushes of ${mebibytes} MiB at once, ${seconds.toFixed(0)} s\n`,
      );
      expect(peak).toBeLessThan(limitMiB);
    },
  );
}
