import type { z } from "zod";
import type { ListedManifest, Tombstone } from "../catalog/index.ts";
import type { CollectionPlan } from "../collection/index.ts";
import type { Digest } from "../digest/index.ts";
import { contentsOf, type ManifestPart } from "../manifests/index.ts";
import type { RepositoryName } from "../names/index.ts";
import type { Eligibility, NamedReason, RetentionClass } from "../retention/index.ts";
import type { ManifestRetention } from "../store/index.ts";
import type { RunningUpload } from "../uploads/index.ts";
import { timeText } from "./api-schemas.ts";
import type * as is from "./retention-schemas.ts";

/** What `/api/v1` says of the store's records, for whoever says the same elsewhere. */
export type ManifestListing = z.output<typeof is.listedManifest>;
export type ManifestDetails = z.output<typeof is.manifest>;
export type RetentionRecord = z.output<typeof is.retention>;
export type EligibilityVerdict = z.output<typeof is.eligibility>;
export type RetentionClassRules = z.output<typeof is.retentionClass>;
export type UploadListing = z.output<typeof is.upload>;
export type TombstoneListing = z.output<typeof is.tombstone>;

export function listingOf(manifest: ListedManifest): ManifestListing {
  const { digest, mediaType, artifactType, subject, size, contentSize, createdAt, expiresAt, tags } = manifest;
  return {
    digest,
    mediaType,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(subject === undefined ? {} : { subject }),
    size,
    contentSize,
    createdAt: timeText(createdAt),
    class: manifest.class,
    expiresAt: expiresAt === undefined ? null : timeText(expiresAt),
    tags: [...tags],
  };
}

/** A manifest with all that it names. */
export function detailsOf(
  repository: RepositoryName,
  manifest: ListedManifest & { readonly content: Uint8Array },
): ManifestDetails {
  const { annotations, config, layers, manifests } = contentsOf(manifest.content, manifest.mediaType);
  return {
    repository,
    ...listingOf(manifest),
    annotations: { ...annotations },
    ...(config === undefined ? {} : { config: partOf(config) }),
    layers: layers.map(partOf),
    manifests: manifests.map(partOf),
  };
}

function partOf({ mediaType, digest, size, title, platform }: ManifestPart) {
  return {
    mediaType,
    digest,
    size,
    ...(title === undefined ? {} : { title }),
    ...(platform === undefined ? {} : { platform }),
  };
}

export function recordOf(repository: RepositoryName, digest: Digest, retention: ManifestRetention): RetentionRecord {
  const reasons = (pin: boolean): NamedReason[] =>
    retention.holds.filter((hold) => hold.pin === pin).map(({ name, holder, why }) => ({ name, holder, why }));
  return {
    repository,
    digest,
    class: retention.class,
    expiresAt: retention.expiresAt === undefined ? null : timeText(retention.expiresAt),
    extensions: retention.extensions.map(({ holder, why, until, at }) => ({
      holder,
      why,
      until: timeText(until),
      at: timeText(at),
    })),
    holds: reasons(false),
    pins: reasons(true),
  };
}

/** @param at milliseconds since 1970: the time that the question was about */
export function verdictOf(
  repository: RepositoryName,
  digest: Digest,
  at: number,
  eligibility: Eligibility,
): EligibilityVerdict {
  const { verdict, because, sentence } = eligibility;
  return {
    repository,
    digest,
    at: timeText(at),
    verdict,
    because,
    sentence,
    ...(eligibility.verdict === "kept"
      ? { until: eligibility.until === undefined ? null : timeText(eligibility.until) }
      : { since: timeText(eligibility.since) }),
  };
}

export function rulesOf({ name, lifetimeMs, longestMs, untaggedMs, locked }: RetentionClass): RetentionClassRules {
  return { name, lifetimeMs, longestMs, untaggedMs, locked };
}

export function uploadOf({ id, repository, offset, createdAt, expiresAt }: RunningUpload): UploadListing {
  return { id, repository, offset, createdAt: timeText(createdAt), expiresAt: timeText(expiresAt) };
}

export function tombstoneOf({ digest, reason, deletedAt }: Tombstone & { readonly digest: Digest }): TombstoneListing {
  return { digest, reason, deletedAt: timeText(deletedAt) };
}

export function planOf({ at, steps, bytesFreed, bytesCondemned }: CollectionPlan) {
  return { at: timeText(at), steps: [...steps], bytesFreed, bytesCondemned };
}
