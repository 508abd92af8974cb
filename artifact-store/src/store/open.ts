import { mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { openDatabase, type Database } from "@waybill/foundation/database";
import { createEventLog, eventLogMigrations, type EventLog } from "@waybill/foundation/eventlog";
import { Commits, RecentAnswers, storeMigrations, type StoreTables } from "../catalog/index.ts";
import { Collector, Writing } from "../collection/index.ts";
import { HashPool, type Digest } from "../digest/index.ts";
import { storeEventStream } from "../events/index.ts";
import type { Packages } from "../packages/index.ts";
import type { Relocation } from "../relocation/index.ts";
import { Intake, Sessions, sweepUploads, type SweepResult } from "../uploads/index.ts";
import { Webhooks, WebhookSecrets } from "../webhooks/index.ts";
import { Blobs } from "./blobs.ts";
import { Collection } from "./collection.ts";
import { defaultStoreLimits, type StoreLimits } from "./limits.ts";
import { Manifests } from "./manifests.ts";
import { StoredPackages } from "./packages.ts";
import { Repositories } from "./repositories.ts";
import { ResumableUploads } from "./resumable-uploads.ts";
import { Retention } from "./retention.ts";
import { Quarantine, type BlobDamage } from "./quarantine.ts";
import { openPlaces, type OpenPlaces, type PlaceOptions } from "./places.ts";
import { Reserve } from "./reserve.ts";
import { lockRoot } from "./root-lock.ts";
import { TagPolicies } from "./tag-policies.ts";
import { Tags } from "./tags.ts";
import { Uploads } from "./uploads.ts";

export interface StoreOptions extends PlaceOptions {
  /** The store's folder, with its lock, by default its catalog, and by default its blobs; made when it is not there. */
  readonly root: string;
  /**
   * The catalog: a URL or path that `openDatabase` understands, by default `<root>/catalog.sqlite`; or a database that is
   * open and has `storeMigrations` and `eventLogMigrations`, and that the store then leaves open.
   */
  readonly database?: Database<StoreTables> | string;
  readonly limits?: Partial<StoreLimits>;
  /**
   * File of the keys that seal secrets in the catalog, by default `<root>/secrets.key`; made when it is needed and not there.
   * Processes that take turns on one catalog need the same.
   */
  readonly secretKeys?: string;
  /**
   * Whether blobs that do not fit into the memory for small ones are hashed while all of them is read, on a thread of their
   * own, so that nobody takes wrong bytes for right ones. By default not: who reads by digest looks for himself.
   */
  readonly verifyReads?: boolean;
  /** Told once of each blob that a reading found damaged, when that is written down. */
  readonly onBlobDamage?: (damage: BlobDamage) => void;
  /** Told once of each such blob that a push healed, when that is written down. */
  readonly onBlobHealed?: (digest: Digest) => void;
  /** Told of a sweep or a collection in the background that failed; the next one tries again. By default a process warning. */
  readonly onSweepError?: (error: unknown) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export interface Store {
  readonly blobs: Blobs;
  readonly uploads: Uploads;
  readonly resumableUploads: ResumableUploads;
  readonly manifests: Manifests;
  readonly tags: Tags;
  readonly repositories: Repositories;
  readonly retention: Retention;
  readonly tagPolicies: TagPolicies;
  readonly collection: Collection;
  readonly packages: Packages;
  /** The move of the blobs from `blobsFrom`; undefined when there is none, or it has ended. Run it; the store serves meanwhile. */
  readonly relocation: Relocation | undefined;
  readonly webhooks: Webhooks;
  readonly events: EventLog;
  readonly limits: StoreLimits;
  /** Rejects when the store cannot be written to now: folder or catalog. */
  check(): Promise<void>;
  /** Ends background work and hashing threads, and closes the catalog if the store opened it. Twice is harmless. */
  close(): Promise<void>;
}

/**
 * Opens the store in a folder, making it when it is not there. What it costs does not depend on what is stored.
 * @throws UserError when another process has this folder open, it cannot be written to, or it belongs to another catalog
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const root = resolve(options.root);
  await mkdir(root, { recursive: true });
  const unlock = lockRoot(root);
  try {
    return await openParts(root, options, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

async function openParts(root: string, options: StoreOptions, unlock: () => void): Promise<Store> {
  const limits = { ...defaultStoreLimits, ...options.limits };
  const now = options.now ?? Date.now;
  const openedAt = Date.now();
  const pool = new HashPool();
  const reserve = new Reserve(join(root, "reserve"));
  const own =
    typeof options.database === "object"
      ? undefined
      : await openCatalog(options.database ?? join(root, "catalog.sqlite"));
  const database = own ?? (options.database as Database<StoreTables>);
  let places: OpenPlaces;
  try {
    places = await openPlaces(root, options, { database, pool });
  } catch (error) {
    await own?.close();
    throw error;
  }
  const { uncached, lease, relocation } = places;
  // Only a catalog in a file shares its disk with others.
  const keepsRoom = database.dialect === "sqlite";
  // Not waited for: the first push does.
  if (keepsRoom) void reserve.hold();
  const backend = keepsRoom ? reserve.guard(places.backend) : places.backend;
  const events = createEventLog({ database, stream: storeEventStream });
  const intake = new Intake({ largestBlobBytes: limits.largestBlobBytes });
  const commits = new Commits(database, events, {
    guard: lease && ((tx) => lease.guard(tx)),
    makeRoom: keepsRoom ? () => reserve.release() : undefined,
  });
  const catalog = database.read;
  // Without a lease the lock on the folder says that nobody else commits to this catalog.
  const alone = lease === undefined ? database : { version: undefined };
  const sessions = new Sessions({ catalog, commits, backend, pool, intake, lifetimeMs: limits.uploadLifetimeMs, now });
  const writing = new Writing();
  const onError =
    options.onSweepError ?? ((error) => process.emitWarning(error instanceof Error ? error : String(error)));
  const quarantine = new Quarantine({
    commits,
    // While blobs are on their way between two places, one that is in neither may be in one that is away.
    isReachable: async () => relocation === undefined && (await uncached.identity()) !== undefined,
    onDamage: options.onBlobDamage ?? (() => undefined),
    onHealed: options.onBlobHealed ?? (() => undefined),
    onError,
    now,
  });
  const blobs = new Blobs({
    backend,
    catalog,
    commits,
    recent: new RecentAnswers(alone),
    pool,
    intake,
    writing,
    quarantine,
    verifyReads: options.verifyReads ?? false,
    leaseMs: limits.leaseMs,
    now,
  });
  // What a crash left of archives that were being looked at.
  const spool = join(root, "spool");
  await rm(spool, { recursive: true, force: true });
  const secrets = new WebhookSecrets(options.secretKeys ?? join(root, "secrets.key"));
  const webhooks = new Webhooks({ catalog, commits, events, secrets, now });
  const packages = new StoredPackages({ catalog, commits, blobs, limits, now, spool });
  const uploads = new Uploads({ sessions, blobs, sweep: () => sweeper.sweep() });
  const resumableUploads = new ResumableUploads({
    catalog,
    commits,
    uploads,
    blobs,
    folder: spool,
    lifetimeMs: limits.uploadLifetimeMs,
    largestBlobBytes: limits.largestBlobBytes,
    now,
  });
  const sweeper = sweepRegularly(
    async () => {
      await resumableUploads.sweep();
      const isWritten = (stage: string): boolean => blobs.isWriting(stage);
      const { orphanGraceMs } = limits;
      return await sweepUploads({ catalog, backend, sessions, isWritten, openedAt, orphanGraceMs, now });
    },
    // A look through a bucket costs its owner money and a start time: there it waits for its turn.
    { everyMs: limits.sweepEveryMs, atStart: !backend.shared },
    onError,
  );
  const { leaseMs, graceMs, looseBlobMs: looseMs, orphanGraceMs } = limits;
  const collector = new Collector({
    catalog,
    commits,
    backend,
    writing,
    leaseMs,
    graceMs,
    looseMs,
    orphanGraceMs,
    now,
  });
  const retention = new Retention({ catalog, commits, leaseMs, now });
  const tagPolicies = new TagPolicies({ catalog, commits, retention });
  const collection = new Collection({
    tagPolicies,
    collector,
    catalog,
    backend: uncached,
    pool,
    leaseMs,
    looseMs,
    everyMs: limits.collectEveryMs,
    onError,
  });
  let closing: Promise<void> | undefined;
  return {
    blobs,
    uploads,
    resumableUploads,
    manifests: new Manifests({ catalog, commits, recent: new RecentAnswers(alone), leaseMs, now }),
    tags: new Tags({ catalog, commits, now }),
    repositories: new Repositories({ catalog }),
    retention,
    tagPolicies,
    collection,
    packages,
    relocation,
    webhooks,
    events,
    limits,
    check: async () => void (await Promise.all([backend.check(), database.check()])),
    close: () =>
      (closing ??= (async () => {
        await webhooks.close();
        await relocation?.close();
        await collection.close();
        await sweeper.close();
        await sessions.close();
        await pool.close();
        await reserve.close();
        events.close();
        await places.close();
        await own?.close();
        unlock();
      })()),
  };
}

async function openCatalog(url: string): Promise<Database<StoreTables>> {
  return await openDatabase<StoreTables>({ url, migrations: [storeMigrations, eventLogMigrations] });
}

/** At the start, without holding it up, and then again and again; one at a time. */
function sweepRegularly(
  run: () => Promise<SweepResult>,
  { everyMs, atStart }: { readonly everyMs: number; readonly atStart: boolean },
  onError: (error: unknown) => void,
): { sweep(): Promise<SweepResult>; close(): Promise<void> } {
  let running: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  /** One that begins after this call: what it is asked to find may be newer than one that is under way. */
  const sweep = (): Promise<SweepResult> => {
    waiting++;
    const next = running.then(run).finally(() => waiting--);
    running = next.catch(() => undefined);
    return next;
  };
  const timer = setInterval(() => {
    if (waiting === 0) void sweep().catch(onError);
  }, everyMs);
  timer.unref();
  if (atStart) void sweep().catch(onError);
  return {
    sweep,
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}
