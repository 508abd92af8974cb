import { createHash } from "node:crypto";
import { describeLayer, type SampleLayer, type SampleLayerInit } from "./layer.ts";

export interface SampleImageInit {
  /** Repository, `<tenant>/<name…>`. */
  readonly name: string;
  /** `1.0` when absent. */
  readonly tag?: string;
  /** Base first. Two images share a layer by describing it alike. */
  readonly layers: readonly SampleLayerInit[];
  /** This machine's when absent, so that containerd here unpacks it. */
  readonly architecture?: string;
}

/** Descriptor of the OCI image specification ("descriptor.md"). */
interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export interface SampleImage {
  readonly name: string;
  readonly tag: string;
  readonly config: Descriptor & { readonly bytes: Buffer };
  readonly manifest: Descriptor & { readonly bytes: Buffer };
  readonly layers: readonly SampleLayer[];
}

const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64", arm: "arm", ia32: "386" };

function document(mediaType: string, value: unknown): Descriptor & { readonly bytes: Buffer } {
  const bytes = Buffer.from(JSON.stringify(value));
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  return { mediaType, digest, size: bytes.length, bytes };
}

/** Config and manifest for the described layers. Reads each layer's stream once; holds none of it. */
export async function buildSampleImage(init: SampleImageInit): Promise<SampleImage> {
  const layers: SampleLayer[] = [];
  for (const layer of init.layers) layers.push(await describeLayer(layer));
  const created = "2026-01-01T00:00:00Z";
  const config = document("application/vnd.oci.image.config.v1+json", {
    created,
    architecture: init.architecture ?? architectures[process.arch] ?? process.arch,
    os: "linux",
    config: { Labels: { "org.opencontainers.image.title": init.name, "dev.waybill.sample": "true" } },
    rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.diffId) },
    history: layers.map((layer) => ({ created, created_by: `waybill sample ${layer.seed}` })),
  });
  const manifest = document("application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: config.mediaType, digest: config.digest, size: config.size },
    layers: layers.map((layer) => ({ mediaType: layer.mediaType, digest: layer.digest, size: layer.sizeBytes })),
  });
  return { name: init.name, tag: init.tag ?? "1.0", config, manifest, layers };
}
