import { hash } from "node:crypto";

export const digestAlgorithms = ["sha256", "sha512"] as const;
export type DigestAlgorithm = (typeof digestAlgorithms)[number];

/** A checked digest, `<algorithm>:<lower-case hex>` (OCI Image Spec, "Digests"). */
export type Digest = string & { readonly __brand: "Digest" };

const pattern = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;

/** Undefined when the text is no digest of an algorithm that this store knows. */
export function parseDigest(text: string): Digest | undefined {
  return text.length <= 135 && pattern.test(text) ? (text as Digest) : undefined;
}

export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha256:") ? "sha256" : "sha512";
}

export function hexOf(digest: Digest): string {
  return digest.slice(7);
}

/** The digest of bytes that are at hand; for a stream see `HashPool`. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest {
  return `${algorithm}:${hash(algorithm, bytes, "hex")}` as Digest;
}
