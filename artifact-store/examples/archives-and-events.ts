import { createWriteStream, createReadStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { openStore, parseRepositoryName } from "@waybill/artifact-store";

// A package goes out as an archive and comes in again elsewhere; whoever follows the events has seen all of it.
const root = process.argv[2] ?? "./store";
await mkdir(root, { recursive: true });
const store = await openStore({ root });
const asked = { producer: "ci", kind: "junit", runId: "42", labels: { outcome: "passed" } };

const first = await store.packages.open({ repository: parseRepositoryName("acme/results"), ...asked });
await store.packages.addFile(first.id, "junit.xml", { chunks: new Blob(["<testsuites/>"]).stream() });
await store.packages.addFile(first.id, "logs/ünit.log", { chunks: new Blob(["all passed\n"]).stream() });
const sealed = await store.packages.seal(first.id);

const file = join(root, "results.tar.zst");
await pipeline(await store.packages.writeArchive(sealed.id, "tar+zstd"), createWriteStream(file));
const second = await store.packages.open({ repository: parseRepositoryName("globex/results"), ...asked });
await store.packages.addArchive(second.id, createReadStream(file), "tar+zstd");
const copy = await store.packages.seal(second.id);
const paths = (await store.packages.files(copy.id)).items.map(({ path }) => path);
process.stdout.write(`${paths.join(", ")}\n`);

const hostile = await store.packages.open({ repository: parseRepositoryName("acme/results"), ...asked, kind: "other" });
const passwd = { chunks: new Blob(["x"]).stream() };
const refused = await store.packages.addFile(hostile.id, "../../etc/passwd", passwd).then(
  () => "taken",
  (error: { code: string }) => error.code,
);
process.stdout.write(`${refused}\n`);

// Numbered, in order, and kept: who comes back asks after the last number that it has seen.
for (let after = 0; ;) {
  const { events, upTo, newest } = await store.events.page({ after, limit: 5, tenant: "globex" });
  for (const event of events) process.stdout.write(`${event.type}\n`);
  after = upTo;
  if (after >= newest) break;
}
await store.close();
