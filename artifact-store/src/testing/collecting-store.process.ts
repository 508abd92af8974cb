import { setImmediate as nextTurn } from "node:timers/promises";
import { openStore, type StoreLimits, type StoreOptions } from "../store/index.ts";
import { parseRepositoryName, parseTag } from "../names/index.ts";
import { digestOf, type Digest } from "../digest/index.ts";
import { mediaTypes } from "../manifests/index.ts";
import { StoreError } from "../errors/index.ts";

/**
 * Pushes, mounts, retags and deletes while a collection never pauses, until killed: `node collecting-store.process.ts
 * OPTIONS`, as JSON.
 * Prints `push <digest>` when a manifest is acknowledged, `deleting <digest>` before it asks for a deletion.
 */
const [options = "{}"] = process.argv.slice(2);
const leaseMs = 400;
const limits: Partial<StoreLimits> = {
  leaseMs,
  graceMs: 10,
  looseBlobMs: 400,
  orphanGraceMs: 5000,
  collectEveryMs: 0,
};
const store = await openStore({ ...(JSON.parse(options) as StoreOptions), limits });
const repository = parseRepositoryName("acme/killed");
const other = parseRepositoryName("acme/mounted");
process.stdout.write("open\n");

async function push(text: string): Promise<Digest> {
  const put = (bytes: string): ReturnType<typeof store.blobs.put> =>
    store.blobs.put(repository, { chunks: new Blob([bytes]).stream() });
  // Again and again the same few: the interesting ones are those that are condemned or being deleted now.
  const [config, layer] = [await put("{}"), await put(text)];
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociImage,
    config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", ...layer }],
  };
  await store.blobs.mount(other, layer.digest, repository);
  const content = Buffer.from(JSON.stringify(manifest));
  await store.manifests.put(repository, content, { tags: [parseTag(text)] });
  return digestOf(content);
}

async function work(worker: number): Promise<void> {
  for (let turn = 0; ; turn++) {
    const startedAt = performance.now();
    const digest = await push(`w${worker}-${turn % 5}`).catch((error: unknown) => {
      // Slower than what it was promised, on a busy machine: what it had put may be collected, and it begins again.
      const isLate = performance.now() - startedAt > leaseMs / 2;
      if (isLate && error instanceof StoreError && error.code.endsWith("BLOB_UNKNOWN")) return undefined;
      throw error;
    });
    if (digest === undefined) continue;
    process.stdout.write(`push ${digest}\n`);
    if (Math.random() < 0.7) {
      process.stdout.write(`deleting ${digest}\n`);
      await store.manifests.remove(repository, digest);
    }
  }
}

for (const worker of [1, 2, 3]) void work(worker);
for (;;) {
  await store.collection.run({ everywhere: true });
  await nextTurn();
}
