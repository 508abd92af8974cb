import { digestOf, mediaTypes, openStore, parseRepositoryName, parseTag } from "@waybill/artifact-store";

// An image without a registry: its blobs, a manifest with two tags, and a report that refers to it.
const store = await openStore({ root: process.argv[2] ?? "./store" });
const repository = parseRepositoryName("acme/app");
const emptyType = "application/vnd.oci.empty.v1+json";

/** Stores bytes under the digest that they must have; sha512 as well as sha256. */
async function descriptorOf(text: string, mediaType: string, algorithm: "sha256" | "sha512" = "sha256") {
  const bytes = Buffer.from(text);
  const { digest, size } = await store.blobs.put(
    repository,
    { chunks: new Blob([bytes]).stream(), length: bytes.byteLength },
    digestOf(bytes, algorithm),
  );
  return { mediaType, digest, size };
}
const manifestOf = (fields: object): Uint8Array =>
  Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociImage, ...fields }));

const image = await store.manifests.put(
  repository,
  manifestOf({
    config: await descriptorOf("{}", "application/vnd.oci.image.config.v1+json"),
    layers: [await descriptorOf("a layer\n", "application/vnd.oci.image.layer.v1.tar", "sha512")],
  }),
  { tags: [parseTag("v1"), parseTag("latest")] },
);
const found = await store.manifests.look(repository, { tag: parseTag("latest") });
process.stdout.write(`${found.mediaType} ${(await store.tags.list(repository, { limit: 100 })).tags.join(" ")}\n`);

await store.manifests.put(
  repository,
  manifestOf({
    artifactType: "application/vnd.acme.report",
    config: await descriptorOf("{}", emptyType),
    layers: [await descriptorOf("no known holes\n", "text/plain")],
    subject: { mediaType: mediaTypes.ociImage, digest: image.digest, size: found.content.byteLength },
  }),
);
const { referrers } = await store.manifests.referrers(repository, image.digest);
process.stdout.write(`${referrers.map(({ artifactType }) => artifactType).join(" ")}\n`);

// Another repository shows the same bytes without a copy of them.
const copy = parseRepositoryName("acme/copy");
const layer = digestOf(Buffer.from("a layer\n"), "sha512");
await store.blobs.mount(copy, layer, repository);
process.stdout.write(`${(await store.blobs.stat(copy, layer)).size} bytes mounted\n`);

// What is pinned is deleted by nobody; its tag may go.
await store.retention.pin(repository, image.digest, { name: "app", holder: "deployer", why: "revision 7 runs it" });
const refused = await store.manifests.remove(repository, image.digest).then(
  () => "gone",
  (error: { code: string }) => error.code,
);
process.stdout.write(`${refused}\n`);
await store.tags.remove(repository, parseTag("v1"));
process.stdout.write(`${(await store.retention.eligibility(repository, image.digest)).sentence}\n`);
await store.close();
