import { digestOf } from "../digest/index.ts";
import { contentsOf, mediaTypes, type ManifestPart } from "../manifests/index.ts";
import type { PackageFile, PackageLink } from "./contract.ts";
import { checkLinks, isLabel, reservedPrefix, type CheckedDescription } from "./description.ts";
import { isPath, PathSet } from "./path.ts";

export const packageArtifactType = "application/vnd.waybill.package.v1+json";

/** OCI Image Spec, "Guidance for an Empty Descriptor". */
export const emptyConfig: Uint8Array = Buffer.from("{}");
const emptyDescriptor = {
  mediaType: "application/vnd.oci.empty.v1+json",
  digest: digestOf(emptyConfig),
  size: emptyConfig.byteLength,
} as const;

const title = "org.opencontainers.image.title";
const created = "org.opencontainers.image.created";
const annotation = {
  producer: `${reservedPrefix}package.producer`,
  kind: `${reservedPrefix}package.kind`,
  runId: `${reservedPrefix}package.run-id`,
  links: `${reservedPrefix}package.links`,
} as const;

/** What a package's manifest says of it: enough to have it again in another store. */
export interface PackageContent extends CheckedDescription {
  /** In byte order of their paths. */
  readonly files: readonly PackageFile[];
}

function layerOf(file: PackageFile): object {
  return {
    mediaType: file.mediaType,
    digest: file.digest,
    size: file.size,
    annotations: { [title]: file.path },
  };
}

/** How much a file adds to the size of a manifest, in bytes. */
export function manifestBytesOf(file: PackageFile): number {
  return Buffer.byteLength(JSON.stringify(layerOf(file))) + 1;
}

/** The same bytes for the same content, whatever the order in which it came. */
export function packageManifest(
  described: CheckedDescription,
  files: readonly PackageFile[],
  createdAt: number,
): Uint8Array {
  const { producer, kind, runId, labels, links } = described;
  const annotations: Readonly<Record<string, string>> = {
    ...labels,
    [created]: new Date(createdAt).toISOString(),
    [annotation.producer]: producer,
    [annotation.kind]: kind,
    ...(runId === undefined ? {} : { [annotation.runId]: runId }),
    ...(links.length === 0 ? {} : { [annotation.links]: JSON.stringify(links) }),
  };
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociImage,
      artifactType: packageArtifactType,
      config: { ...emptyDescriptor, data: Buffer.from(emptyConfig).toString("base64") },
      layers: inOrder(files).map(layerOf),
      annotations: Object.fromEntries(Object.entries(annotations).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    }),
  );
}

/** Whether a manifest is a package: an image manifest, whoever made it. */
export function isPackage(mediaType: string): boolean {
  return mediaType === mediaTypes.ociImage || mediaType === mediaTypes.dockerImage;
}

function linksOf(text: string | undefined): readonly PackageLink[] {
  try {
    const links: unknown = JSON.parse(text ?? "[]");
    const pairs = (Array.isArray(links) ? links : []) as readonly Partial<Record<keyof PackageLink, unknown>>[];
    return checkLinks(pairs.map(({ rel, href }) => ({ rel: String(rel), href: String(href) })));
  } catch {
    return []; // somebody else's annotation
  }
}

/** A file for each layer. One without a path, or with one that could do harm, is called by its digest. */
function filesOf(layers: readonly ManifestPart[]): PackageFile[] {
  const paths = new PathSet();
  const free = (path: string): boolean => isPath(path) && paths.add(path) === undefined;
  const files = layers.map(({ title: named, mediaType, size, digest }, index): PackageFile => {
    const plain = digest.replace(":", "-");
    const path = [named, plain].find((one) => one !== undefined && free(one));
    return { path: path ?? `${plain}.${index + 1}`, mediaType, size, digest };
  });
  return inOrder(files);
}

function inOrder(files: readonly PackageFile[]): PackageFile[] {
  return files.toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}

const mostLabels = 64;

function short(text: string): string {
  return text.slice(0, 128);
}

/** Reads an image manifest that the store has taken as a package. A producer that it does not name is `oci`. */
export function packageContent(content: Uint8Array, mediaType: string): PackageContent {
  const { annotations, artifactType, layers } = contentsOf(content, mediaType);
  const runId = annotations[annotation.runId];
  const labels = Object.entries(annotations)
    .filter(([key, value]) => isLabel(key, value) && !key.startsWith(reservedPrefix) && key !== created)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, mostLabels);
  return {
    producer: short(annotations[annotation.producer] ?? "oci"),
    kind: short(annotations[annotation.kind] ?? artifactType ?? "unknown"),
    runId: runId === undefined ? undefined : short(runId),
    labels: Object.fromEntries(labels),
    links: linksOf(annotations[annotation.links]),
    files: filesOf(layers),
  };
}
