import type { Digest } from "../digest/index.ts";
import { parseManifest, type Descriptor } from "./manifest.ts";
import { mayLieElsewhere, mediaTypes } from "./media-type.ts";

/** What names a file in a package (OCI Image Spec, "Pre-Defined Annotation Keys"). */
const titleKey = "org.opencontainers.image.title";

/** One piece of content that a manifest names. */
export interface ManifestPart extends Descriptor {
  /** What a layer is called: the path of a file. As it was pushed: whoever writes it to a disk checks it first. */
  readonly title?: string;
  /** Of an index's entry: `linux/arm64/v8`. */
  readonly platform?: string;
}

export interface ManifestContents {
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  readonly subject: Digest | undefined;
  readonly config: ManifestPart | undefined;
  /** Those that the repository has; in the manifest's order. */
  readonly layers: readonly ManifestPart[];
  /** Entries of an index. */
  readonly manifests: readonly ManifestPart[];
  readonly annotations: Readonly<Record<string, string>>;
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
  const texts = Object.entries(fieldsOf(value)).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return Object.fromEntries(texts);
}

function platformOf(value: unknown): string | undefined {
  const { os, architecture, variant } = textsOf(value);
  return os === undefined || architecture === undefined
    ? undefined
    : [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
}

/** `part` with what the document's own descriptor says beyond digest and size. */
function described(part: Descriptor, own: unknown): ManifestPart {
  const { annotations, platform: where } = fieldsOf(own);
  const title = textsOf(annotations)[titleKey];
  const platform = platformOf(where);
  return { ...part, ...(title === undefined ? {} : { title }), ...(platform === undefined ? {} : { platform }) };
}

/** What a manifest says of its content, with the names in it. @throws StoreError MANIFEST_INVALID */
export function contentsOf(content: Uint8Array, contentType: string | undefined): ManifestContents {
  const { mediaType, artifactType, subject, blobs, manifests } = parseManifest(content, contentType);
  const document = fieldsOf(JSON.parse(new TextDecoder().decode(content)));
  const isImage = mediaType === mediaTypes.ociImage || mediaType === mediaTypes.dockerImage;
  const [config, ...layers] = blobs;
  // In the order in which `parseManifest` has them.
  const listed = (name: string): unknown[] => (Array.isArray(document[name]) ? (document[name] as unknown[]) : []);
  const own = listed("layers").filter((layer) => !mayLieElsewhere(textsOf(layer)["mediaType"] ?? ""));
  const entries = listed("manifests");
  return {
    mediaType,
    artifactType,
    subject: subject?.digest,
    config: isImage ? config : undefined,
    layers: isImage ? layers.map((layer, index) => described(layer, own[index])) : blobs,
    manifests: manifests.map((entry, index) => described(entry, entries[index])),
    annotations: textsOf(document["annotations"]),
  };
}
