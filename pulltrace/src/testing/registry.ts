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
   */
  add(
    name: string,
    tag: string,
    layers: readonly MadeLayer[],
    options?: { index?: boolean; foreign?: boolean },
  ): MadeImage;
  close(): Promise<void>;
}

export interface MadeLayer {
  readonly seed: number;
  readonly bytes: number;
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
      const image = keepImage(keep, native, layers);
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
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
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
): KeptImage {
  const made = layers.map((layer) => makeLayer(layer));
  const descriptors = made.map((layer) => keep(layer.compressed, ociLayer));
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

/** One file of bytes that do not compress, as tar and gzip; the same seed and size give the same blob. */
function makeLayer(layer: MadeLayer): { compressed: Buffer; diffId: string } {
  const content = pseudoRandom(layer.seed, layer.bytes);
  const header = Buffer.alloc(512);
  header.write(`layer-${layer.seed}.bin`, 0);
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${content.byteLength.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\u000000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const padding = Buffer.alloc((512 - (content.byteLength % 512)) % 512);
  const tar = Buffer.concat([header, content, padding, Buffer.alloc(1024)]);
  return { compressed: gzipSync(tar, { level: 1 }), diffId: digestOf(tar) };
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
