import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { createGzip, createZstdCompress } from "node:zlib";
import { archive } from "./archive.ts";

/** Layer media types of the OCI image specification ("layer.md"). */
export const layerMediaTypes = [
  "application/vnd.oci.image.layer.v1.tar",
  "application/vnd.oci.image.layer.v1.tar+gzip",
  "application/vnd.oci.image.layer.v1.tar+zstd",
] as const;
export type LayerMediaType = (typeof layerMediaTypes)[number];

export interface SampleLayerInit {
  /** Bytes of file content. The layer is a little larger: archive and compression add under 1 %. */
  readonly sizeBytes: number;
  /** The same seed, size and media type is the same layer. */
  readonly seed: string;
  /** tar+gzip when absent. */
  readonly mediaType?: LayerMediaType;
}

export interface SampleLayer {
  readonly mediaType: LayerMediaType;
  /** Digest of the bytes as they are transferred. */
  readonly digest: string;
  /** Bytes as they are transferred. */
  readonly sizeBytes: number;
  /** Digest of the archive before compression: the entry in the config's `rootfs.diff_ids`. */
  readonly diffId: string;
  readonly seed: string;
  /** The bytes, made anew each time. */
  open(): Readable;
}

/** A folder name that is safe in an archive, whatever the seed. */
function folderOf(seed: string): string {
  return seed.replaceAll(/[^a-zA-Z0-9._-]/g, "-").slice(0, 40) || "layer";
}

function compressed(init: Required<SampleLayerInit>, tap?: (chunk: Buffer) => void): Readable {
  function* chunks(): Generator<Buffer> {
    for (const chunk of archive(folderOf(init.seed), init.seed, init.sizeBytes)) {
      tap?.(chunk);
      yield chunk;
    }
  }
  const source = Readable.from(chunks(), { objectMode: false });
  if (init.mediaType === "application/vnd.oci.image.layer.v1.tar") return source;
  // Noise cannot be compressed: storing it (level 0) is what any level ends at, thirty times faster.
  const compressor =
    init.mediaType === "application/vnd.oci.image.layer.v1.tar+gzip" ? createGzip({ level: 0 }) : createZstdCompress();
  source.once("error", (error) => compressor.destroy(error));
  compressor.once("close", () => source.destroy());
  return source.pipe(compressor);
}

const described = new Map<string, Promise<SampleLayer>>();

/** Runs through the layer's bytes once to learn digest and size; the answer is remembered for the process. */
export function describeLayer(init: SampleLayerInit): Promise<SampleLayer> {
  if (!Number.isSafeInteger(init.sizeBytes) || init.sizeBytes < 1) {
    return Promise.reject(new RangeError("a sample layer needs a whole number of bytes, at least 1"));
  }
  const whole = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", ...init } as const;
  const key = JSON.stringify([whole.seed, whole.sizeBytes, whole.mediaType]);
  const known = described.get(key);
  if (known !== undefined) return known;
  const layer = measure(whole);
  described.set(key, layer);
  return layer;
}

async function measure(init: Required<SampleLayerInit>): Promise<SampleLayer> {
  const diff = createHash("sha256");
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const chunk of compressed(init, (plain) => void diff.update(plain)) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return {
    mediaType: init.mediaType,
    digest: `sha256:${hash.digest("hex")}`,
    diffId: `sha256:${diff.digest("hex")}`,
    sizeBytes,
    seed: init.seed,
    open: () => compressed(init),
  };
}
