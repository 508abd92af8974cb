import { randomInt } from "node:crypto";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { buffer } from "node:stream/consumers";
import { startProcess } from "@waybill/foundation/testing";
import { expect, it } from "vitest";
import { parseDigest } from "../digest/index.ts";
import { parseRepositoryName, parseTag } from "../names/index.ts";
import type { TestPlace } from "../testing/index.ts";
import { openStore } from "./index.ts";

const repository = parseRepositoryName("acme/killed");
/** Of `collecting-store.process.ts`. */
const workers = 3;
const day = 24 * 60 * 60 * 1000;

/** Pushes, mounts, retags, deletes and a collection, all at once, killed again and again. */
export function describeCollectionKills(startPlace: () => Promise<TestPlace>, rounds: number): void {
  it(
    `${rounds} times kill -9 during pushes, mounts, deletions and a collection: what is acknowledged is whole, and in the end everything deleted is given back`,
    { timeout: (600 + rounds * 20) * 1000 },
    async () => {
      await using place = await startPlace();
      let checked = 0;
      const kept = new Set<string>();
      for (let round = 0; round < rounds; round++) {
        const program = startProcess(new URL("../testing/collecting-store.process.ts", import.meta.url), [
          JSON.stringify(place.options),
        ]);
        const seen = { pushes: 0 };
        program.finished().catch(() => undefined);
        program.lines.on("line", (line: string) => {
          const [word, digest = ""] = line.split(" ");
          if (word === "push") {
            kept.add(digest);
            seen.pushes++;
          }
          if (word === "deleting") kept.delete(digest);
        });
        // Some work at least, however slow the machine is, and something that stays: each worker may be about to delete its
        // last one. Then a moment that nobody knows.
        while (seen.pushes < 2 || kept.size < workers + 2)
          await Promise.race([once(program.lines, "line"), program.finished()]);
        // A bucket answers later, and as much is to be under way.
        await sleep(place.kind === "bucket" ? randomInt(200, 1500) : randomInt(30, 250));
        expect(program.process.exitCode).toBeNull();
        await program.kill();
        const store = await openStore({ ...place.options, limits: { leaseMs: 400, collectEveryMs: 0 } });
        for (const text of kept) {
          const digest = parseDigest(text)!;
          const { content } = await store.manifests.get(repository, { digest });
          const manifest = JSON.parse(Buffer.from(content).toString()) as {
            layers: { digest: string; size: number }[];
          };
          const blob = await store.blobs.open(repository, parseDigest(manifest.layers[0]!.digest)!);
          expect((await buffer(blob.reader.stream())).length).toBe(manifest.layers[0]!.size);
          checked++;
        }
        const findings = round % 10 === 9 ? (await store.collection.audit()).findings : [];
        expect(findings.filter(({ kind }) => kind !== "unnamed")).toEqual([]);
        await store.close();
      }
      expect(checked).toBeGreaterThan(rounds);

      // Days later, when all is deleted: nothing is left, neither of blobs nor of what a kill left half-done.
      let later = 0;
      const store = await openStore({
        ...place.options,
        now: () => Date.now() + later,
        limits: { collectEveryMs: 0 },
      });
      const facts = await store.tags.list(repository, { limit: 100 });
      for (const tag of facts.tags) {
        const { digest } = await store.manifests.get(repository, { tag: parseTag(tag) });
        await store.manifests.remove(repository, digest).catch(() => undefined);
      }
      for (let round = 0; round < 3; round++) {
        later += 2 * day;
        await store.collection.run({ everywhere: true });
      }
      await store.close();
      expect(await place.blobPaths()).toEqual([]);
      process.stdout.write(`${place.kind}: ${checked} acknowledged images were read whole after ${rounds} kills\n`);
    },
  );
}
