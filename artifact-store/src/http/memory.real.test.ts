import { temporaryFolder } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { blobOfSize, registryClient, startStoreServer } from "../testing/index.ts";

const limitMiB = 256;
const MiB = 1024 * 1024;

describe("memory", () => {
  it(
    `50 pushes of 64 MiB at once, then 50 pulls: the process never has more than ${limitMiB} MiB`,
    { timeout: 600_000 },
    async () => {
      await using folder = await temporaryFolder("waybill-memory-");
      await using server = await startStoreServer(folder.path);
      const client = registryClient(server.url);
      const blobs = Array.from({ length: 50 }, () => blobOfSize(64 * MiB));
      const pushed = await Promise.all(
        blobs.map((blob, index) => (index % 2 === 0 ? client.pushStreamed : client.pushWhole)("acme/large", blob)),
      );
      expect(new Set(pushed.map((answer) => answer.status))).toEqual(new Set([201]));
      const afterPushes = await server.peakMemory();
      // The client keeps what it gets, so a few at a time are compared, and the rest is only asked for.
      for (let start = 0; start < blobs.length; start += 5) {
        const pulled = await Promise.all(
          blobs.slice(start, start + 5).map((blob) => client.send("GET", `/v2/acme/large/blobs/${blob.digest}`)),
        );
        expect(pulled.map((answer) => answer.body.byteLength)).toEqual(Array.from({ length: 5 }, () => 64 * MiB));
      }
      client.close();
      const peak = await server.peakMemory();
      process.stdout.write(
        `peak memory: ${afterPushes.toFixed(0)} MiB after the pushes, ${peak.toFixed(0)} MiB in the end\n`,
      );
      expect(peak).toBeLessThan(limitMiB);
    },
  );
});
