import type { Digest } from "../digest/index.ts";

/** One line of the referrers list (OCI Distribution Spec 1.1, "Listing Referrers"). */
export interface ReferrerDescriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** @param content the referring manifest; its annotations are part of the answer */
export function referrerDescriptor(manifest: {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType: string | undefined;
  readonly content: Uint8Array;
}): ReferrerDescriptor {
  const { annotations } = JSON.parse(new TextDecoder().decode(manifest.content)) as { annotations?: unknown };
  const texts =
    typeof annotations === "object" && annotations !== null
      ? Object.entries(annotations).filter((entry): entry is [string, string] => typeof entry[1] === "string")
      : [];
  return {
    mediaType: manifest.mediaType,
    digest: manifest.digest,
    size: manifest.size,
    ...(manifest.artifactType === undefined ? {} : { artifactType: manifest.artifactType }),
    ...(texts.length === 0 ? {} : { annotations: Object.fromEntries(texts) }),
  };
}
