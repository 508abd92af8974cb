import {
  parseDigest,
  parseRepositoryName,
  parseTag,
  StoreError,
  type Digest,
  type RepositoryName,
  type Tag,
} from "@waybill/artifact-store";
import { UsageError } from "../errors/index.ts";

/** What a command line names: a repository, or a manifest in it. */
export interface Target {
  readonly repository: RepositoryName;
  readonly reference: { readonly tag: Tag } | { readonly digest: Digest } | undefined;
}

export interface ManifestTarget extends Target {
  readonly reference: { readonly tag: Tag } | { readonly digest: Digest };
}

/** `acme/app`, `acme/app:v1` or `acme/app@sha256:…`. @throws UsageError */
export function parseTarget(text: string): Target {
  try {
    const at = text.indexOf("@");
    if (at !== -1) {
      const digest = parseDigest(text.slice(at + 1));
      if (digest === undefined) throw new UsageError(`${JSON.stringify(text)} has no digest after its @`);
      // A tag before the digest says nothing that the digest does not.
      const name = text.slice(0, at).replace(/:[^:/]*$/, "");
      return { repository: parseRepositoryName(name), reference: { digest } };
    }
    const colon = text.lastIndexOf(":");
    if (colon === -1) return { repository: parseRepositoryName(text), reference: undefined };
    return {
      repository: parseRepositoryName(text.slice(0, colon)),
      reference: { tag: parseTag(text.slice(colon + 1)) },
    };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new UsageError(error.message, "A manifest is written REPOSITORY:TAG or REPOSITORY@DIGEST, without a server.");
  }
}

/** @throws UsageError where the text names no manifest */
export function parseManifestTarget(text: string): ManifestTarget {
  const { repository, reference } = parseTarget(text);
  if (reference === undefined) {
    throw new UsageError(
      `${text} names a repository, and a manifest is needed`,
      `Write ${text}:TAG or ${text}@DIGEST.`,
    );
  }
  return { repository, reference };
}

export function targetText({ repository, reference }: Target): string {
  if (reference === undefined) return repository;
  return "tag" in reference ? `${repository}:${reference.tag}` : `${repository}@${reference.digest}`;
}
