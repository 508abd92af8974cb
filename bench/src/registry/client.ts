import { createHash, randomBytes } from "node:crypto";
import { Agent, request, type IncomingMessage } from "node:http";

/**
 * The smallest client of the OCI Distribution Spec 1.1 that can load a registry: it hashes nothing while the clock runs
 * and keeps its connections, so that what is measured is the server.
 */
export interface RegistryClient {
  pushBlobByPut(repository: string, blob: Blob): Promise<void>;
  pushBlobByPatch(repository: string, blob: Blob): Promise<void>;
  pullBlob(repository: string, digest: string): Promise<number>;
  pushImage(repository: string, image: Image): Promise<void>;
  pullImage(repository: string): Promise<void>;
  /** Puts the manifest alone, under one more tag. */
  tagManifest(repository: string, tag: string, image: Image): Promise<void>;
  headManifest(repository: string, tag?: string): Promise<void>;
  /** One answer of tags/list: all, or a page. */
  tags(repository: string, limit?: number, last?: string): Promise<string[]>;
  deleteManifest(repository: string, digest: string): Promise<void>;
  close(): void;
}

/** Bytes with their digest, hashed beforehand. */
export interface Blob {
  readonly size: number;
  readonly digest: string;
  /** The bytes, in order; each run gives them anew. */
  parts(): Iterable<Buffer>;
}

export interface Image {
  readonly blobs: readonly Blob[];
  readonly manifest: Buffer;
  /** Of the manifest. */
  readonly digest: string;
}

const manifestType = "application/vnd.oci.image.manifest.v1+json";

function makeBlob(bytes: Buffer): Blob {
  return blobOf(bytes.byteLength, () => [bytes]);
}

/** A blob of `times` times the same random bytes, of which only the first eight tell one from another. */
export function largeBlob(random: Buffer, times: number, seed: number): Blob {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(seed);
  return blobOf(head.byteLength + random.byteLength * times, () => [
    head,
    ...Array.from({ length: times }, () => random),
  ]);
}

function blobOf(size: number, parts: () => readonly Buffer[]): Blob {
  const hash = createHash("sha256");
  for (const part of parts()) hash.update(part);
  return { size, digest: `sha256:${hash.digest("hex")}`, parts };
}

/** An image of `layers` random layers that nothing else shares. */
export function makeImage(layers: number, layerBytes: number): Image {
  const config = makeBlob(
    Buffer.from(JSON.stringify({ architecture: "amd64", os: "linux", seed: randomBytes(8).toString("hex") })),
  );
  const blobs = Array.from({ length: layers }, () => makeBlob(randomBytes(layerBytes)));
  const descriptor = (mediaType: string, blob: Blob): object => ({
    mediaType,
    digest: blob.digest,
    size: blob.size,
  });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: descriptor("application/vnd.oci.image.config.v1+json", config),
      layers: blobs.map((blob) => descriptor("application/vnd.oci.image.layer.v1.tar+gzip", blob)),
    }),
  );
  return { blobs: [config, ...blobs], manifest, digest: makeBlob(manifest).digest };
}

/** The same content under a manifest of its own, as each build of a branch makes one. */
export function taggedVariant(image: Image, index: number): Image {
  const manifest = JSON.parse(image.manifest.toString()) as Record<string, unknown>;
  const annotations = { "org.opencontainers.image.revision": String(index) };
  const variant = Buffer.from(JSON.stringify({ ...manifest, annotations }));
  return { blobs: image.blobs, manifest: variant, digest: makeBlob(variant).digest };
}

interface Call {
  readonly method: string;
  readonly body?: Pick<Blob, "size" | "parts">;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sends the body in pieces without saying its length. */
  readonly chunked?: boolean;
}

export function registryClient(url: string): RegistryClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });

  function call(path: string, { method, body, headers, chunked }: Call): Promise<IncomingMessage> {
    const target = new URL(path, url);
    return new Promise((resolve, reject) => {
      const length =
        body === undefined
          ? { "content-length": "0" }
          : chunked === true
            ? {}
            : { "content-length": String(body.size) };
      const outgoing = request(target, { method, agent, headers: { ...length, ...headers } }, resolve);
      outgoing.once("error", reject);
      if (body === undefined) outgoing.end();
      else void send(body.parts());

      async function send(parts: Iterable<Buffer>): Promise<void> {
        const step = 1024 * 1024;
        for (const part of parts) {
          for (let at = 0; at < part.byteLength; at += step) {
            if (!outgoing.write(part.subarray(at, at + step))) {
              await new Promise<void>((drained) => outgoing.once("drain", drained));
            }
          }
        }
        outgoing.end();
      }
    });
  }

  async function finish(response: IncomingMessage, expected: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    if (response.statusCode !== expected)
      throw new Error(`expected ${expected}, got ${response.statusCode}: ${body.toString().slice(0, 300)}`);
    return body;
  }

  async function openUpload(repository: string): Promise<string> {
    const response = await call(`/v2/${repository}/blobs/uploads/`, { method: "POST" });
    await finish(response, 202);
    return response.headers.location ?? "";
  }

  function withDigest(location: string, digest: string): string {
    const target = new URL(location, url);
    target.searchParams.set("digest", digest);
    return target.href;
  }

  const octets = { "content-type": "application/octet-stream" };
  const client: RegistryClient = {
    async pushBlobByPut(repository, blob) {
      const location = await openUpload(repository);
      await finish(await call(withDigest(location, blob.digest), { method: "PUT", body: blob, headers: octets }), 201);
    },
    async pushBlobByPatch(repository, blob) {
      const location = await openUpload(repository);
      const patched = await call(location, { method: "PATCH", body: blob, headers: octets, chunked: true });
      await finish(patched, 202);
      await finish(await call(withDigest(patched.headers.location ?? location, blob.digest), { method: "PUT" }), 201);
    },
    async pullBlob(repository, digest) {
      const response = await call(`/v2/${repository}/blobs/${digest}`, { method: "GET" });
      if (response.statusCode !== 200) throw new Error(`expected 200, got ${response.statusCode}`);
      let bytes = 0;
      for await (const chunk of response) bytes += (chunk as Buffer).byteLength;
      return bytes;
    },
    async pushImage(repository, image) {
      for (const blob of image.blobs) await client.pushBlobByPut(repository, blob);
      await client.tagManifest(repository, "latest", image);
    },
    async tagManifest(repository, tag, image) {
      const { manifest } = image;
      const answer = await call(`/v2/${repository}/manifests/${tag}`, {
        method: "PUT",
        body: { size: manifest.byteLength, parts: () => [manifest] },
        headers: { "content-type": manifestType },
      });
      await finish(answer, 201);
    },
    async tags(repository, limit, last) {
      const query = limit === undefined ? "" : `?n=${limit}${last === undefined ? "" : `&last=${last}`}`;
      const body = await finish(await call(`/v2/${repository}/tags/list${query}`, { method: "GET" }), 200);
      return (JSON.parse(body.toString()) as { tags: string[] | null }).tags ?? [];
    },
    async deleteManifest(repository, digest) {
      await finish(await call(`/v2/${repository}/manifests/${digest}`, { method: "DELETE" }), 202);
    },
    async pullImage(repository) {
      const response = await call(`/v2/${repository}/manifests/latest`, {
        method: "GET",
        headers: { accept: manifestType },
      });
      const manifest = JSON.parse((await finish(response, 200)).toString()) as {
        config: { digest: string };
        layers: { digest: string }[];
      };
      for (const { digest } of [manifest.config, ...manifest.layers]) await client.pullBlob(repository, digest);
    },
    async headManifest(repository, tag = "latest") {
      await finish(
        await call(`/v2/${repository}/manifests/${tag}`, { method: "HEAD", headers: { accept: manifestType } }),
        200,
      );
    },
    close: () => agent.destroy(),
  };
  return client;
}
