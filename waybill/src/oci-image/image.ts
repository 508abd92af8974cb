import type { Readable } from "node:stream";
import { document, type Document } from "./document.ts";

/** A layer that can be read as often as somebody asks. */
export interface ImageLayer {
  readonly mediaType: string;
  /** Digest of the bytes as they are transferred. */
  readonly digest: string;
  /** Bytes as they are transferred. */
  readonly sizeBytes: number;
  /** Digest of the archive before compression: the entry in the config's `rootfs.diff_ids`. */
  readonly diffId: string;
  open(): Readable;
}

/** What a registry and a layout folder need of an image. */
export interface OciImage {
  /** Repository, `<tenant>/<name…>`. */
  readonly name: string;
  readonly tag: string;
  readonly config: Document;
  readonly manifest: Document;
  /** Names the manifest with its platform; when there is one, the tag means it. */
  readonly index?: Document;
  readonly layers: readonly ImageLayer[];
}

export interface ImageInit {
  readonly name: string;
  readonly tag: string;
  /** Base first, each with the words of its history entry. */
  readonly layers: readonly (ImageLayer & { readonly createdBy: string })[];
  /** In the words of GOARCH; see `architectureHere`. */
  readonly architecture: string;
  /** RFC 3339. Fixed by the caller, so that the same inputs are the same image. */
  readonly created: string;
  /** `config` of the image configuration: User, Entrypoint, Env, ExposedPorts, Labels, … ("config.md"). */
  readonly config: Readonly<Record<string, unknown>>;
  /** Annotations of manifest and index. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Makes an index of one platform around the manifest. */
  readonly indexed?: boolean;
}

const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64", arm: "arm", ia32: "386" };

/** This machine's architecture as images say it. */
export const architectureHere: string = architectures[process.arch] ?? process.arch;

/** Config, manifest and, if asked for, index of these layers. */
export function describeImage(init: ImageInit): OciImage {
  const { name, tag, created, architecture, layers } = init;
  const annotations = init.annotations === undefined ? {} : { annotations: init.annotations };
  const config = document("application/vnd.oci.image.config.v1+json", {
    created,
    architecture,
    os: "linux",
    config: init.config,
    rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.diffId) },
    history: layers.map((layer) => ({ created, created_by: layer.createdBy })),
  });
  const manifest = document("application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: config.mediaType, digest: config.digest, size: config.size },
    layers: layers.map((layer) => ({ mediaType: layer.mediaType, digest: layer.digest, size: layer.sizeBytes })),
    ...annotations,
  });
  if (init.indexed !== true) return { name, tag, config, manifest, layers };
  const { mediaType, digest, size } = manifest;
  const index = document("application/vnd.oci.image.index.v1+json", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [{ mediaType, digest, size, platform: { architecture, os: "linux" } }],
    ...annotations,
  });
  return { name, tag, config, manifest, index, layers };
}
