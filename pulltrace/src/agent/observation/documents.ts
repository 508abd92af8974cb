import { reportForms } from "../../contract/index.ts";
import { sha256 } from "../sha256.ts";

/**
 * What the agent takes from the JSON documents of an image (OCI image-spec: image index, image manifest, image
 * configuration; the Docker v2.2 forms have the same fields). They come from a registry, so nothing in them is trusted.
 */
export type ImageDocument =
  | { readonly kind: "index"; readonly manifests: readonly PlatformManifest[] }
  | { readonly kind: "manifest"; readonly config: string; readonly layers: readonly LayerDescriptor[] }
  | { readonly kind: "config"; readonly chainIds: readonly string[] };

export interface PlatformManifest {
  readonly digest: string;
  /** `os/architecture`, such as `linux/amd64`; absent when the index does not say. */
  readonly platform?: string;
}

export interface LayerDescriptor {
  readonly digest: string;
  /** Bytes as transferred. */
  readonly size: number;
  /** Empty where the manifest has none, or something that is none: containerd fetches a layer of any. */
  readonly mediaType: string;
}

/** More layers than any runtime can mount (overlayfs stops at a few hundred); the rest is cut off. */
const layerLimit = 1_000;
/** The longest that is in use has 69 characters. */
const longestMediaType = 128;
const digestPattern = /^sha(?:256:[0-9a-f]{64}|384:[0-9a-f]{96}|512:[0-9a-f]{128})$/;

export function isDigest(text: unknown): text is string {
  return typeof text === "string" && digestPattern.test(text);
}

/** Undefined for anything that is not one of the three documents. Never throws. */
export function readDocument(bytes: Uint8Array): ImageDocument | undefined {
  const value = parsed(bytes);
  if (!isRecord(value)) return undefined;
  if (Array.isArray(value["layers"]) && isRecord(value["config"]) && isDigest(value["config"]["digest"])) {
    return { kind: "manifest", config: value["config"]["digest"], layers: descriptors(value["layers"]) };
  }
  if (Array.isArray(value["manifests"])) {
    return { kind: "index", manifests: platformManifests(value["manifests"]) };
  }
  const rootfs = value["rootfs"];
  if (isRecord(rootfs) && Array.isArray(rootfs["diff_ids"])) {
    return { kind: "config", chainIds: chainIds(rootfs["diff_ids"].slice(0, layerLimit).filter(isDigest)) };
  }
  return undefined;
}

/** Names of the snapshots that a stack of layers makes (OCI image-spec, "Layer ChainID"). */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : `sha256:${sha256(`${below} ${diffId}`)}`);
  }
  return chain;
}

function platformManifests(list: readonly unknown[]): PlatformManifest[] {
  const found: PlatformManifest[] = [];
  for (const one of list.slice(0, layerLimit)) {
    if (!isRecord(one) || !isDigest(one["digest"])) continue;
    const { os, architecture } = isRecord(one["platform"]) ? one["platform"] : {};
    const known = isPlatformWord(os) && isPlatformWord(architecture);
    found.push({ digest: one["digest"], ...(known ? { platform: `${os}/${architecture}` } : {}) });
  }
  return found;
}

function descriptors(list: readonly unknown[]): LayerDescriptor[] {
  const found: LayerDescriptor[] = [];
  for (const one of list.slice(0, layerLimit)) {
    if (!isRecord(one) || !isDigest(one["digest"])) continue;
    const size = one["size"];
    const mediaType = one["mediaType"];
    found.push({
      digest: one["digest"],
      size: typeof size === "number" && Number.isSafeInteger(size) && size >= 0 ? size : 0,
      mediaType: isMediaType(mediaType) ? mediaType : "",
    });
  }
  return found;
}

function isMediaType(value: unknown): value is string {
  return typeof value === "string" && value.length <= longestMediaType && reportForms.mediaType.test(value);
}

function isPlatformWord(value: unknown): value is string {
  return typeof value === "string" && /^[a-z0-9]{1,32}$/.test(value);
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
