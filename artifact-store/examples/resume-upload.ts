import { digestOf, openStore, parseRepositoryName } from "@waybill/artifact-store";

// A blob that comes in parts, with an end of the process in between: what was acknowledged is there, and goes on.
const root = process.argv[2] ?? "./store";
const repository = parseRepositoryName("acme/uploads");
const bytes = Buffer.alloc(5_000_000, "waybill ");
const part = (from: number, to: number) => ({
  chunks: new Blob([bytes.subarray(from, to)]).stream(),
  length: to - from,
});

const before = await openStore({ root });
const { id } = await before.uploads.start(repository);
const { offset } = await before.uploads.append(repository, id, part(0, 3_000_000), 0);
await before.close();
process.stdout.write(`${offset} bytes are there\n`);

const store = await openStore({ root });
const status = await store.uploads.status(repository, id);
// A sender that is wrong about where it was is told so, and nothing is lost.
const wrong = await store.uploads.append(repository, id, part(0, 100), 0).then(
  () => "taken",
  (error: { code: string }) => error.code,
);
await store.uploads.append(repository, id, part(status.offset, bytes.byteLength), status.offset);
const blob = await store.uploads.finish(repository, id, digestOf(bytes));
process.stdout.write(`${wrong}, then ${blob.size} bytes under ${blob.digest.slice(0, 15)}\n`);
await store.close();
