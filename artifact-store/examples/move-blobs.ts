import { text } from "node:stream/consumers";
import { openStore, parseRepositoryName } from "@waybill/artifact-store";

// Blobs move to another place while the store is in use; `s3://bucket/prefix?endpoint=…` is written like `file://…`.
const [root = "./store", elsewhere = "./elsewhere"] = process.argv.slice(2);
const repository = parseRepositoryName("acme/moved");
const before = await openStore({ root });
const { digest } = await before.blobs.put(repository, { chunks: new Blob(["moved as it was\n"]).stream() });
await before.close();

const store = await openStore({ root, blobs: `file://${elsewhere}`, blobsFrom: `file://${root}` });
const result = await store.relocation?.run();
process.stdout.write(`${result?.copied ?? 0} copied, ${result?.damaged.length ?? 0} damaged\n`);
await store.close();

// From now on it is where it has moved to; the audit reads every byte.
const after = await openStore({ root, blobs: `file://${elsewhere}` });
process.stdout.write(await text((await after.blobs.open(repository, digest)).reader.stream()));
process.stdout.write(`${(await after.collection.audit()).findings.length} findings\n`);
await after.close();
