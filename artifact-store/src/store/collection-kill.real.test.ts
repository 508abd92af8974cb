import { randomInt } from "node:crypto";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buffer } from "node:stream/consumers";
import { startProcess, temporaryFolder } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { parseDigest } from "../digest/index.ts";
import { parseRepositoryName, parseTag } from "../names/index.ts";
import { openStore } from "./index.ts";

const rounds = 50;
const repository = parseRepositoryName("acme/killed");
const day = 24 * 60 * 60 * 1000;

describe("kill -9 during collection and deletion", () => {
  it(
    `${rounds} times at a random moment: what is acknowledged is whole, and in the end everything deleted is given back`,
    { timeout: 170_000 },
    async () => {
      await using folder = await temporaryFolder("waybill-collection-kill-");
      let checked = 0;
      const kept = new Set<string>();
      for (let round = 0; round < rounds; round++) {
        const program = startProcess(new URL("../testing/collecting-store.process.ts", import.meta.url), [folder.path]);
        program.finished().catch(() => undefined);
        program.lines.on("line", (line: string) => {
          const [word, digest = ""] = line.split(" ");
          if (word === "push") kept.add(digest);
          if (word === "deleting") kept.delete(digest);
        });
        await once(program.lines, "line");
        await sleep(randomInt(30, 250));
        expect(program.process.exitCode).toBeNull();
        await program.kill();
        const store = await openStore({ root: folder.path, limits: { leaseMs: 400, collectEveryMs: 0 } });
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
        root: folder.path,
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
      const files = await readdir(join(folder.path, "blobs"), { recursive: true, withFileTypes: true });
      expect(files.filter((file) => file.isFile()).map((file) => file.name)).toEqual([]);
    },
  );
});
