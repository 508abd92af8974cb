import type { Readable } from "node:stream";
import type {
  AuditProgress,
  AuditResult,
  CollectionProgress,
  Digest,
  PackageFile,
  PackageLink,
  Policy,
  RepositoryName,
  SavedPlan,
  Tag,
  TagPolicy,
  TagVerdict,
} from "@waybill/artifact-store";
import type {
  deadLetterOf,
  EligibilityVerdict,
  ManifestDetails,
  ManifestListing,
  packageOf,
  RetentionClassRules,
  RetentionRecord,
  simulationOf,
  TombstoneListing,
  UploadListing,
  webhookOf,
} from "@waybill/artifact-store/http";

/** A manifest by tag or by digest. */
export type Reference = { readonly tag: Tag } | { readonly digest: Digest };

/** One page of a list; `cursor` asks for the one after it. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor?: string;
}

export interface PageAsked {
  readonly cursor?: string;
  /** 1 to 1000. */
  readonly limit: number;
}

export interface ManifestBytes {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly content: Uint8Array;
}

/** Repositories, manifests and bytes. */
export interface ContentAccess {
  repositories(page: PageAsked): Promise<Page<{ readonly name: string }>>;
  manifests(repository: RepositoryName, page: PageAsked): Promise<Page<ManifestListing>>;
  /** What is left of deleted manifests, by digest. */
  tombstones(repository: RepositoryName, page: PageAsked): Promise<Page<TombstoneListing>>;
  /** What a manifest is and names; no use of it, unlike `manifest`. */
  look(repository: RepositoryName, reference: Reference): Promise<ManifestDetails>;
  manifest(repository: RepositoryName, reference: Reference): Promise<ManifestBytes>;
  putManifest(
    repository: RepositoryName,
    manifest: { readonly content: Uint8Array; readonly mediaType?: string; readonly tags?: readonly Tag[] },
  ): Promise<Digest>;
  /** Undefined when the repository has no such blob. Whoever hears of it may rely on it for a while. */
  blobSize(repository: RepositoryName, digest: Digest): Promise<number | undefined>;
  /** The bytes from `start` on. Ends with an error where they are not whole; whoever needs certainty hashes them. */
  openBlob(repository: RepositoryName, digest: Digest, start: number): Promise<Readable>;
}

/** Where an upload stands. */
export interface UploadPlace {
  readonly id: string;
  /** Bytes that are kept: where the next one belongs. */
  readonly offset: number;
}

/** Blobs on their way in, in parts. What was acknowledged is kept, however a part ends. */
export interface UploadAccess {
  start(repository: RepositoryName): Promise<UploadPlace>;
  /** Undefined when there is no such upload, or no longer. */
  status(repository: RepositoryName, id: string): Promise<UploadPlace | undefined>;
  /** Appends `length` bytes at `offset`. */
  append(
    repository: RepositoryName,
    id: string,
    part: { readonly source: Readable; readonly offset: number; readonly length: number },
  ): Promise<UploadPlace>;
  /** Durable when it resolves. A wrong digest ends the upload. */
  finish(repository: RepositoryName, id: string, digest: Digest): Promise<void>;
  /** All in one go. */
  put(repository: RepositoryName, bytes: Uint8Array, digest: Digest): Promise<void>;
  list(page: PageAsked): Promise<Page<UploadListing>>;
  cancel(id: string): Promise<void>;
}

/** A hold or a pin; its holder is who asks. */
export interface ReasonGiven {
  readonly name: string;
  readonly why: string;
}

export interface RetentionAccess {
  show(repository: RepositoryName, reference: Reference): Promise<RetentionRecord>;
  /** @param at RFC 3339; now when absent */
  eligibility(repository: RepositoryName, reference: Reference, at?: string): Promise<EligibilityVerdict>;
  hold(repository: RepositoryName, reference: Reference, hold: ReasonGiven): Promise<RetentionRecord>;
  release(repository: RepositoryName, reference: Reference, name: string): Promise<void>;
  /** A machine's hold. */
  pin(repository: RepositoryName, reference: Reference, pin: ReasonGiven): Promise<RetentionRecord>;
  unpin(repository: RepositoryName, reference: Reference, name: string): Promise<void>;
  /** @param extension until: RFC 3339 */
  extend(
    repository: RepositoryName,
    reference: Reference,
    extension: { readonly until: string; readonly why: string },
  ): Promise<RetentionRecord>;
  classify(repository: RepositoryName, reference: Reference, name: string): Promise<RetentionRecord>;
  classOf(repository: RepositoryName): Promise<{ readonly name: string; readonly class: string }>;
  useClass(repository: RepositoryName, name: string): Promise<{ readonly name: string; readonly class: string }>;
  classes(): Promise<readonly RetentionClassRules[]>;
  defineClass(rules: RetentionClassRules): Promise<RetentionClassRules>;
  removeClass(name: string): Promise<void>;
}

/** A plan, or what was done: see `CollectionPlan`. */
export interface CollectionReport {
  /** RFC 3339. */
  readonly at: string;
  readonly steps: readonly CollectionProgress["last"][];
  readonly bytesFreed: number;
  readonly bytesCondemned: number;
}

type OnStep = (step: CollectionProgress["last"]) => void;

/** What would be gone by a time: the steps of a plan, and tags. */
export type SimulationReport = ReturnType<typeof simulationOf>;

export interface CollectionAccess {
  plan(): Promise<CollectionReport>;
  run(onStep: OnStep, signal: AbortSignal): Promise<CollectionReport>;
  /** A plan to keep, and to apply later. */
  savePlan(): Promise<SavedPlan>;
  /** Does what a plan says, and nothing beside it. @throws OvertakenError when a step of it would not be done now */
  applyPlan(plan: SavedPlan, onStep: OnStep, signal: AbortSignal): Promise<CollectionReport>;
  /** Reads every byte, and changes nothing. */
  audit(onProgress: (progress: AuditProgress) => void, signal: AbortSignal): Promise<AuditResult>;
  /** @param at RFC 3339 */
  simulate(at: string, policy: Policy | undefined, signal: AbortSignal): Promise<SimulationReport>;
}

/** Tag rules that the store applies by itself. */
export interface TagPolicyAccess {
  list(): Promise<readonly TagPolicy[]>;
  /** Makes a policy, or replaces the one of this name. */
  put(policy: TagPolicy): Promise<TagPolicy>;
  remove(name: string): Promise<void>;
  /** What all policies together would do to a repository's tags now. */
  judge(repository: RepositoryName): Promise<readonly TagVerdict[]>;
}

/** A package as `/api/v1/packages` tells it. Times are RFC 3339. */
export type PackageListing = ReturnType<typeof packageOf>;

export interface NewPackageAsked {
  readonly repository: RepositoryName;
  readonly producer: string;
  readonly kind: string;
  readonly runId?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly links: readonly PackageLink[];
  readonly class?: string;
  /** The same key opens the same package. */
  readonly key: string;
}

export interface PackagesAsked extends PageAsked {
  readonly repository?: RepositoryName;
  readonly producer?: string;
  readonly kind?: string;
  readonly runId?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Only what is left of deleted ones, instead of those that are there. */
  readonly deleted?: boolean;
}

export interface PackageAccess {
  open(asked: NewPackageAsked): Promise<PackageListing>;
  /** Undefined when there is none. */
  get(id: string): Promise<PackageListing | undefined>;
  files(id: string, page: PageAsked): Promise<Page<PackageFile>>;
  /** @param digest of a blob that the package's repository shows */
  addFile(id: string, file: { readonly path: string; readonly digest: Digest }): Promise<void>;
  seal(id: string): Promise<PackageListing>;
  find(asked: PackagesAsked): Promise<Page<PackageListing>>;
}

/** A subscription as `/api/v1/webhooks` tells it. Times are RFC 3339. */
export type WebhookListing = ReturnType<typeof webhookOf>;

/** An event that was given up after all its attempts. */
export type DeadLetterListing = ReturnType<typeof deadLetterOf>;

export interface NewWebhookAsked {
  readonly url: string;
  /** All when absent. */
  readonly types?: readonly string[];
  /** Made when absent. */
  readonly secret?: string;
  /** Number of the event after which it begins; from now on when absent. */
  readonly after?: number;
  /** The same key makes the same subscription. */
  readonly key?: string;
}

/** Who is told of events. Deliveries are the work of a server: in a folder they wait for one. */
export interface WebhookAccess {
  list(): Promise<readonly WebhookListing[]>;
  get(id: string): Promise<WebhookListing>;
  /** The secret is told here and never again, but to who asks with the same key. */
  add(asked: NewWebhookAsked): Promise<WebhookListing & { readonly secret: string }>;
  remove(id: string): Promise<void>;
  /** At most 100, the newest first. @param before only those with smaller numbers */
  deadLetters(id: string, before?: number): Promise<readonly DeadLetterListing[]>;
  /** Sends an event that was given up once more, now. @throws UserError when that fails, with the reason */
  redeliver(id: string, number: number): Promise<void>;
}

/**
 * A store, wherever it is: a folder that this process opens, or a server. The same words, the same answers, the same
 * errors: `NotFoundError`, `DeniedError`, `BusyError`, `OvertakenError`, `UnsoundError`, and `UserError` for all else that a person can
 * mend.
 */
export interface StoreAccess {
  /** The folder, or the server's address. */
  readonly place: string;
  readonly content: ContentAccess;
  readonly uploads: UploadAccess;
  readonly retention: RetentionAccess;
  readonly collection: CollectionAccess;
  readonly tagPolicies: TagPolicyAccess;
  readonly packages: PackageAccess;
  readonly webhooks: WebhookAccess;
  close(): Promise<void>;
}
