import { parseDigest, type Digest } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { isSchema1, mayLieElsewhere, mediaTypes, parseMediaType } from "./media-type.ts";

/** OCI Distribution Spec 1.1, "Pushing Manifests": a registry should take at least 4 MB, and should have a limit. */
export const manifestLimitBytes = 4 * 1024 * 1024;

/** What a manifest says of other content (OCI Image Spec, "Content Descriptors"). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

export interface Manifest {
  readonly mediaType: string;
  /** Config and layers that its repository must have. */
  readonly blobs: readonly Descriptor[];
  /** Manifests that its repository must have (an index's). */
  readonly manifests: readonly Descriptor[];
  /** The manifest that this one is about; it may come later, or never. */
  readonly subject: Descriptor | undefined;
  /** For an image manifest without one: the media type of its config. */
  readonly artifactType: string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function invalid(detail: string): StoreError {
  return new StoreError("MANIFEST_INVALID", detail);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function descriptor(value: unknown, where: string): Descriptor {
  if (!isFields(value)) throw invalid(`${where} must be a descriptor: an object with mediaType, digest and size`);
  const { mediaType, size } = value;
  const type = typeof mediaType === "string" ? parseMediaType(mediaType) : undefined;
  if (type === undefined) throw invalid(`${where}.mediaType must be a media type`);
  const digest = typeof value["digest"] === "string" ? parseDigest(value["digest"]) : undefined;
  if (digest === undefined) throw invalid(`${where}.digest must be a sha256 or sha512 digest in lower-case hex`);
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw invalid(`${where}.size must be a whole number of bytes`);
  }
  return { mediaType: type, digest, size };
}

function list(value: unknown, where: string): Descriptor[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(`${where} must be a list of descriptors`);
  return value.map((item, index) => descriptor(item, `${where}[${index}]`));
}

function optionalMediaType(value: unknown, where: string): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  // Without parameters, so that it can be compared, and asked for in a query.
  if (typeof value !== "string" || parseMediaType(value) !== value) throw invalid(`${where} must be a media type`);
  return value;
}

function readJson(bytes: Uint8Array): Fields {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw invalid("the manifest is not JSON in UTF-8");
  }
  if (!isFields(value)) throw invalid("a manifest is a JSON object");
  return value;
}

/** What the sender says it is, what it says itself, or what it looks like. */
function mediaTypeOf(fields: Fields, contentType: string | undefined): string {
  const declared = optionalMediaType(fields["mediaType"], "mediaType");
  const sent = contentType === undefined ? undefined : parseMediaType(contentType);
  if (contentType !== undefined && sent === undefined) {
    throw invalid(`Content-Type ${JSON.stringify(contentType.slice(0, 100))} is no media type`);
  }
  if (declared !== undefined && sent !== undefined && declared !== sent) {
    throw invalid(`Content-Type says ${sent}, the manifest's mediaType says ${declared}: send the latter`);
  }
  const type = declared ?? sent;
  if (type !== undefined) return type;
  if (Array.isArray(fields["manifests"])) return mediaTypes.ociIndex;
  if (isFields(fields["config"])) return mediaTypes.ociImage;
  throw invalid("nothing says what this manifest is: send Content-Type, or set mediaType in it");
}

/**
 * Reads a manifest of any media type. The four known ones must keep their schema; of any other JSON document `config`,
 * `layers`, `blobs`, `manifests` and `subject` are honoured where they hold descriptors.
 *
 * @param contentType what the sender says it is; undefined when it says nothing
 * @throws StoreError TOO_LARGE, MANIFEST_INVALID
 */
export function parseManifest(bytes: Uint8Array, contentType: string | undefined): Manifest {
  if (bytes.byteLength > manifestLimitBytes) {
    throw new StoreError("TOO_LARGE", `a manifest may have at most ${manifestLimitBytes} bytes`);
  }
  const fields = readJson(bytes);
  const mediaType = mediaTypeOf(fields, contentType);
  if (isSchema1(mediaType)) {
    throw invalid("Docker image manifests of schema 1 are not accepted: push the image as schema 2 or OCI");
  }
  const isImage = mediaType === mediaTypes.ociImage || mediaType === mediaTypes.dockerImage;
  const isIndex = mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerList;
  if (!isImage && !isIndex) return unknownManifest(fields, mediaType);
  if (fields["schemaVersion"] !== 2) throw invalid("schemaVersion must be 2");
  const subject = subjectOf(fields);
  const artifactType = optionalMediaType(fields["artifactType"], "artifactType");
  if (isIndex) {
    if (!Array.isArray(fields["manifests"])) throw invalid("manifests must be a list of descriptors");
    return { mediaType, blobs: [], manifests: list(fields["manifests"], "manifests"), subject, artifactType };
  }
  const config = descriptor(fields["config"], "config");
  const layers = list(fields["layers"], "layers").filter((layer) => !mayLieElsewhere(layer.mediaType));
  return {
    mediaType,
    blobs: [config, ...layers],
    manifests: [],
    subject,
    artifactType: artifactType ?? config.mediaType,
  };
}

function subjectOf(fields: Fields): Descriptor | undefined {
  const { subject } = fields;
  return subject === undefined || subject === null ? undefined : descriptor(subject, "subject");
}

function unknownManifest(fields: Fields, mediaType: string): Manifest {
  const found = (name: string): Descriptor[] => {
    const value = fields[name];
    return (Array.isArray(value) ? value : [value]).flatMap((item) => {
      try {
        return [descriptor(item, name)];
      } catch {
        return [];
      }
    });
  };
  return {
    mediaType,
    blobs: ["config", "layers", "blobs"].flatMap(found).filter((blob) => !mayLieElsewhere(blob.mediaType)),
    manifests: found("manifests"),
    subject: found("subject")[0],
    artifactType: typeof fields["artifactType"] === "string" ? parseMediaType(fields["artifactType"]) : undefined,
  };
}
