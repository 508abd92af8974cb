import { openStore, parseRepositoryName } from "@waybill/artifact-store";

const store = await openStore({ root: process.argv[2] ?? "./store" });
const repository = parseRepositoryName("acme/reports");
const report = new Blob(["all tests passed\n"]);
const { digest, size } = await store.blobs.put(repository, { chunks: report.stream() });
const blob = await store.blobs.open(repository, digest);
process.stdout.write(`${digest} ${size}\n`);
for await (const chunk of blob.reader.stream()) process.stdout.write(chunk as Uint8Array);
await store.close();
