import { Readable } from "node:stream";
import { writeArchive } from "../archives/index.ts";
import { parseRepositoryName } from "../names/index.ts";
import { openStore } from "../store/index.ts";

/**
 * Makes packages, file by file and from archives, seals and deletes them while a collection never pauses, until killed:
 * `node packing-store.process.ts ROOT`. Prints what is acknowledged: `opened ID`, `added ID PATH`, `archived ID`,
 * `sealed ID`, and `deleting ID` before it asks for that.
 */
const [root = ""] = process.argv.slice(2);
const limits = { leaseMs: 200, graceMs: 10, looseBlobMs: 200, orphanGraceMs: 5000, collectEveryMs: 0 };
const store = await openStore({ root, limits });
const repository = parseRepositoryName("acme/killed");
process.stdout.write("open\n");

function say(...words: readonly string[]): void {
  process.stdout.write(`${words.join(" ")}\n`);
}

async function work(worker: number): Promise<void> {
  for (let turn = 0; ; turn++) {
    const { id } = await store.packages.open({ repository, producer: "killed", kind: "packing" });
    say("opened", id);
    for (let file = 0; file < 3; file++) {
      // The content is the path: whoever reads it later knows what it must be. The same few again and again.
      const path = `w${worker}/t${turn % 4}/f${file}`;
      await store.packages.addFile(id, path, { chunks: new Blob([path]).stream() });
      say("added", id, path);
    }
    const packed = Array.from({ length: 5 }, (_, index) => `archive/${turn % 4}/${index}`).map((path) => ({
      path,
      size: path.length,
      open: () => Promise.resolve(Readable.from([Buffer.from(path)])),
    }));
    await store.packages.addArchive(id, writeArchive(packed, "zip"), "zip");
    say("archived", id);
    if (Math.random() < 0.7) {
      await store.packages.seal(id);
      say("sealed", id);
    }
    if (Math.random() < 0.4) {
      say("deleting", id);
      await store.packages.delete(id, "no longer wanted");
    }
  }
}

for (const worker of [1, 2]) void work(worker);
for (;;) await store.collection.run({ everywhere: true });
