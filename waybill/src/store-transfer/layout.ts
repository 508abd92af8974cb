import { parseDigest, type Digest } from "@waybill/artifact-store";
import { UserError } from "@waybill/foundation/errors";
import { z } from "zod";

/** Files of an OCI image layout (OCI Image Spec 1.1, "Image Layout"). */
export const layoutFile = "oci-layout";
export const layoutMarker = '{"imageLayoutVersion":"1.0.0"}';
export const indexFile = "index.json";
export const refNameKey = "org.opencontainers.image.ref.name";

/** Where retention stands: on the entry of index.json, which other programs carry along or ignore. */
export const retentionKey = "io.waybill.retention";

export function blobPath(digest: Digest): string {
  return `blobs/${digest.replace(":", "/")}`;
}

const annotations = z.record(z.string(), z.string());
const entry = z.looseObject({
  mediaType: z.string(),
  digest: z.string().refine((text) => parseDigest(text) !== undefined, "a sha256 or sha512 digest"),
  size: z.int().nonnegative(),
  annotations: annotations.optional(),
});
const indexSchema = z.looseObject({ schemaVersion: z.literal(2), manifests: z.array(entry).max(100_000) });

export interface LayoutEntry {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
}

/** @throws UserError where it is no index of a layout */
export function readLayoutIndex(text: string): LayoutEntry[] {
  const parsed = indexSchema.safeParse(jsonIn(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UserError(
      `index.json is no index of an OCI layout: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`,
    );
  }
  return parsed.data.manifests.map(({ mediaType, digest, size, annotations: texts = {} }) => ({
    mediaType,
    digest: digest as Digest,
    size,
    annotations: texts,
  }));
}

export function writeLayoutIndex(entries: readonly LayoutEntry[]): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: entries.map(({ annotations: texts, ...rest }) => ({
      ...rest,
      ...(Object.keys(texts).length === 0 ? {} : { annotations: texts }),
    })),
  });
}

const keptSchema = z.strictObject({
  class: z.string(),
  expiresAt: z.iso.datetime().nullable(),
  holds: z.array(z.strictObject({ name: z.string(), holder: z.string(), why: z.string() })).max(1000),
});
export type KeptRetention = z.output<typeof keptSchema>;

/** @throws UserError */
export function readRetention(text: string): KeptRetention {
  const parsed = keptSchema.safeParse(jsonIn(text));
  if (!parsed.success) throw new UserError(`the layout's ${retentionKey} is not what an export writes`);
  return parsed.data;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
