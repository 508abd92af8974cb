import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";

/**
 * A small registry that serves made images, so that the agent's own tests need nothing of another system. The
 * whole-system test in `tests/` pulls from the real artifact-store.
 */
export interface MadeRegistry {
  readonly port: number;
  /**
   * Builds an image and serves it as `name:tag`. Layers that are equal in seed and size are the same blob. With `index`
   * it stands under an index, beside an image of a platform that no test runs on; with `foreign` that one is alone there.
   * `mediaType` is what the manifest says of its layers, whatever they are.
   */
  add(
    name: string,
    tag: string,
    layers: readonly MadeLayer[],
    options?: { index?: boolean; foreign?: boolean; mediaType?: string },
  ): MadeImage;
  /** Pushes everything that was added into another registry, as a client does. */
  pushTo(url: string): Promise<void>;
  close(): Promise<void>;
}

export interface MadeLayer {
  readonly seed: number;
  /** Bytes of all files together; they do not compress. */
  readonly bytes: number;
  /** Into how many files they go; one when left out. Many small ones take long to unpack. */
  readonly files?: number;
}

export interface MadeImage {
  readonly reference: string;
  readonly rootDigest: string;
  readonly manifestDigest: string;
  readonly layers: readonly { digest: string; size: number; mediaType: string }[];
}

const ociManifest = "application/vnd.oci.image.manifest.v1+json";
const ociIndex = "application/vnd.oci.image.index.v1+json";
const ociConfig = "application/vnd.oci.image.config.v1+json";
const ociLayer = "application/vnd.oci.image.layer.v1.tar+gzip";

const native = process.arch === "arm64" ? "arm64" : "amd64";

export async function startMadeRegistry(): Promise<MadeRegistry> {
  const blobs = new Map<string, { bytes: Buffer; mediaType: string }>();
  const tags = new Map<string, string>();
  const keep = (bytes: Buffer, mediaType: string) => {
    const digest = digestOf(bytes);
    blobs.set(digest, { bytes, mediaType });
    return { mediaType, digest, size: bytes.byteLength };
  };
  const server = createServer((request, response) => serve(request, response, blobs, tags));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the registry has no port");
  return {
    port: address.port,
    add(name, tag, layers, options = {}) {
      const image = keepImage(keep, native, layers, options.mediaType);
      let root = image.manifest;
      if (options.index === true || options.foreign === true) {
        const foreign = keepImage(keep, "s390x", [{ seed: 390, bytes: 64 * 1024 }]);
        root = keep(
          json({
            schemaVersion: 2,
            mediaType: ociIndex,
            manifests: (options.foreign === true ? [foreign] : [foreign, image]).map(entryOf),
          }),
          ociIndex,
        );
      }
      tags.set(`${name}:${tag}`, root.digest);
      return {
        reference: `${name}:${tag}`,
        rootDigest: root.digest,
        manifestDigest: image.manifest.digest,
        layers: image.layers,
      };
    },
    async pushTo(url) {
      const repositories = new Map<string, string[]>();
      for (const [reference, digest] of tags) {
        const [name = "", tag = ""] = reference.split(":");
        const manifests = await pushManifest(url, name, digest, blobs, repositories.get(name) ?? []);
        repositories.set(name, manifests);
        await pushed(url, `/v2/${name}/manifests/${tag}`, blobs.get(digest));
      }
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

interface Blob {
  readonly bytes: Buffer;
  readonly mediaType: string;
}

/** Everything under a manifest or index, then itself by digest (OCI distribution-spec, "Pushing"); what is there is not sent again. */
async function pushManifest(
  url: string,
  name: string,
  digest: string,
  blobs: ReadonlyMap<string, Blob>,
  done: string[],
): Promise<string[]> {
  if (done.includes(digest)) return done;
  const blob = blobs.get(digest);
  const document = JSON.parse(blob?.bytes.toString() ?? "{}") as {
    manifests?: Descriptor[];
    config?: Descriptor;
    layers?: Descriptor[];
  };
  for (const child of document.manifests ?? []) done = await pushManifest(url, name, child.digest, blobs, done);
  for (const { digest: part } of [document.config, ...(document.layers ?? [])].filter((one) => one !== undefined)) {
    if (done.includes(part)) continue;
    const begun = await fetch(`${url}/v2/${name}/blobs/uploads/`, { method: "POST" });
    if (begun.status !== 202) throw new Error(`an upload to ${url} was answered with ${begun.status}`);
    const location = new URL(begun.headers.get("location") ?? "", url);
    location.searchParams.set("digest", part);
    await pushed(url, location.pathname + location.search, {
      ...blobs.get(part),
      mediaType: "application/octet-stream",
    });
    done.push(part);
  }
  await pushed(url, `/v2/${name}/manifests/${digest}`, blob);
  return [...done, digest];
}

async function pushed(url: string, path: string, blob: Partial<Blob> | undefined): Promise<void> {
  if (blob?.bytes === undefined || blob.mediaType === undefined) throw new Error(`${path} was never made`);
  const answer = await fetch(`${url}${path}`, {
    method: "PUT",
    headers: { "content-type": blob.mediaType },
    body: new Uint8Array(blob.bytes),
  });
  if (answer.status !== 201) throw new Error(`${path} was answered with ${answer.status}: ${await answer.text()}`);
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}
interface KeptImage {
  readonly architecture: string;
  readonly manifest: Descriptor;
  readonly layers: readonly Descriptor[];
}

function keepImage(
  keep: (bytes: Buffer, mediaType: string) => Descriptor,
  architecture: string,
  layers: readonly MadeLayer[],
  mediaType = ociLayer,
): KeptImage {
  const made = layers.map((layer) => makeLayer(layer));
  const descriptors = made.map((layer) => keep(layer.compressed, mediaType));
  const rootfs = { type: "layers", diff_ids: made.map((layer) => layer.diffId) };
  const config = keep(json({ architecture, os: "linux", config: {}, rootfs }), ociConfig);
  const manifest = keep(json({ schemaVersion: 2, mediaType: ociManifest, config, layers: descriptors }), ociManifest);
  return { architecture, manifest, layers: descriptors };
}

function entryOf(image: KeptImage): Descriptor & { platform: { architecture: string; os: string } } {
  return { ...image.manifest, platform: { architecture: image.architecture, os: "linux" } };
}

/** GET and HEAD of manifests and blobs, with byte ranges (OCI distribution-spec, "Pulling"). */
function serve(
  request: IncomingMessage,
  response: ServerResponse,
  blobs: ReadonlyMap<string, { bytes: Buffer; mediaType: string }>,
  tags: ReadonlyMap<string, string>,
): void {
  const path = /^\/v2\/(.+)\/(manifests|blobs)\/([^/?]+)/.exec(request.url ?? "");
  const [, name = "", kind = "", reference = ""] = path ?? [];
  const digest = kind === "manifests" ? (tags.get(`${name}:${reference}`) ?? reference) : reference;
  const blob = blobs.get(digest);
  if (blob === undefined) {
    response.writeHead(path === null && request.url === "/v2/" ? 200 : 404).end();
    return;
  }
  const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const part = blob.bytes.subarray(from);
  response.writeHead(from > 0 ? 206 : 200, {
    "content-type": kind === "manifests" ? blob.mediaType : "application/octet-stream",
    "content-length": part.byteLength,
    "docker-content-digest": digest,
    ...(from > 0 ? { "content-range": `bytes ${from}-${blob.bytes.byteLength - 1}/${blob.bytes.byteLength}` } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : part);
}

/** Files of bytes that do not compress, as tar and gzip; the same description gives the same blob. */
function makeLayer(layer: MadeLayer): { compressed: Buffer; diffId: string } {
  const files = layer.files ?? 1;
  const content = pseudoRandom(layer.seed, layer.bytes);
  const each = Math.floor(content.byteLength / files);
  const parts: Buffer[] = [];
  for (let file = 0; file < files; file += 1) {
    const own = content.subarray(file * each, file === files - 1 ? undefined : (file + 1) * each);
    const name = files === 1 ? `layer-${layer.seed}.bin` : `layer-${layer.seed}/${file}.bin`;
    parts.push(tarHeader(name, own.byteLength), own, Buffer.alloc((512 - (own.byteLength % 512)) % 512));
  }
  const tar = Buffer.concat([...parts, Buffer.alloc(1024)]);
  return { compressed: gzipSync(tar, { level: 1 }), diffId: digestOf(tar) };
}

function tarHeader(name: string, bytes: number): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${bytes.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\u000000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** xorshift32 */
function pseudoRandom(seed: number, bytes: number): Buffer {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  let state = (seed * 2_654_435_761 + 1) >>> 0 || 1;
  for (let index = 0; index < words.length; index += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state >>> 0;
  }
  return Buffer.from(words.buffer, 0, bytes);
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
