import { createHash } from "node:crypto";

/** A JSON document of an image, with its descriptor (OCI image specification, "descriptor.md"). */
export interface Document {
  readonly mediaType: string;
  /** `sha256:<64 hex digits>` of `bytes`. */
  readonly digest: string;
  readonly size: number;
  readonly bytes: Buffer;
}

export function document(mediaType: string, value: unknown): Document {
  const bytes = Buffer.from(JSON.stringify(value));
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  return { mediaType, digest, size: bytes.length, bytes };
}
