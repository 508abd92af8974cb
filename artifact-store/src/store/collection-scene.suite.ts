import { openDatabase, type Database } from "@waybill/foundation/database";
import { eventLogMigrations } from "@waybill/foundation/eventlog";
import { testDatabaseUrl, type DatabaseKind, type TestDatabase } from "@waybill/foundation/testing";
import { afterEach, beforeEach } from "vitest";
import { storeMigrations, type StoreTables } from "../catalog/index.ts";
import { digestOf, type Digest } from "../digest/index.ts";
import { mediaTypes } from "../manifests/index.ts";
import { parseRepositoryName, parseTag, type RepositoryName } from "../names/index.ts";
import type { RetentionClass } from "../retention/index.ts";
import { folderPlace, type TestPlace } from "../testing/index.ts";
import { openStore, type Store, type StoreLimits } from "./index.ts";

export const home = parseRepositoryName("acme/app");
export const other = parseRepositoryName("acme/other");
/** Its class is `brief` where a test defines that. */
export const brief = parseRepositoryName("acme/brief");
export const leaseMs = 10;
export const packageLifetimeMs = 60;
export const limits = {
  leaseMs,
  packageLifetimeMs,
  graceMs: 5,
  looseBlobMs: 20,
  orphanGraceMs: 3_600_000,
  collectEveryMs: 0,
};
export const hold = { name: "case-7", holder: "legal", why: "a lawsuit" };
const long = 1000;
const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest: digestOf(Buffer.from("{}")), size: 2 };

/** A store with a clock of its own, new for each test, and the words that tests of its collection are written in. */
export class CollectionScene {
  readonly kind: DatabaseKind;
  readonly limits: Partial<StoreLimits>;
  readonly #startPlace: () => Promise<TestPlace>;
  #server: TestDatabase | undefined;
  store!: Store;
  place!: TestPlace;
  database!: Database<StoreTables>;
  /** Milliseconds since 1970, as the store sees them. */
  now = 0;

  constructor(
    kind: DatabaseKind,
    startPlace: () => Promise<TestPlace>,
    patience: Pick<StoreLimits, "leaseMs" | "graceMs" | "looseBlobMs"> = limits,
  ) {
    this.kind = kind;
    this.limits = { ...limits, ...patience };
    this.#startPlace = startPlace;
    beforeEach(async () => {
      this.now = Date.now();
      this.place = await startPlace();
      this.#server = await testDatabaseUrl(kind);
      const migrations = [storeMigrations, eventLogMigrations];
      this.database = await openDatabase<StoreTables>({ url: this.#server.url, migrations });
      this.store = await this.#open();
    });
    afterEach(async () => {
      await this.store.close();
      await this.database.close();
      await this.#server?.drop();
      await this.place[Symbol.asyncDispose]();
    });
  }

  /** A bucket is a hundred times slower than a folder; the interleavings are found on folders. */
  runs(count: number): number {
    return this.#startPlace === folderPlace ? count : 3;
  }

  async reopen(): Promise<void> {
    await this.store.close();
    this.store = await this.#open();
  }

  put = async (text: string, repository = home): Promise<Digest> =>
    (await this.store.blobs.put(repository, { chunks: new Blob([text]).stream() })).digest;

  files = (): Promise<string[]> => this.place.blobPaths();

  putManifest = async (
    layers: readonly string[],
    o: { repository?: RepositoryName; tag?: string; subject?: Digest } = {},
  ): Promise<Digest> => {
    const { repository = home, tag, subject } = o;
    await this.put("{}", repository);
    for (const layer of layers) await this.put(layer, repository);
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociImage,
      config,
      layers: layers.map((layer) => ({
        mediaType: "application/vnd.oci.image.layer.v1.tar",
        digest: digestOf(Buffer.from(layer)),
        size: layer.length,
      })),
      ...(subject === undefined ? {} : { subject: { mediaType: mediaTypes.ociImage, digest: subject, size: 1 } }),
    };
    const tags = tag === undefined ? [] : [parseTag(tag)];
    return (await this.store.manifests.put(repository, Buffer.from(JSON.stringify(manifest)), { tags })).digest;
  };

  putIndex = async (children: readonly Digest[], tag: string): Promise<Digest> => {
    const manifests = children.map((digest) => ({ mediaType: mediaTypes.ociImage, digest, size: 1 }));
    const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
    return (await this.store.manifests.put(home, Buffer.from(JSON.stringify(index)), { tags: [parseTag(tag)] })).digest;
  };

  /** An open package with a file for each text, called as it. Answers its id. */
  openPackage = async (texts: readonly string[], repository = home): Promise<string> => {
    const { id } = await this.store.packages.open({ repository, producer: "tests", kind: "example" });
    for (const text of texts) await this.store.packages.addFile(id, text, { chunks: new Blob([text]).stream() });
    return id;
  };

  isThere = async (digest: Digest, repository = home): Promise<boolean> =>
    this.store.retention.show(repository, digest).then(
      () => true,
      () => false,
    );

  defineClass = async (name: string, rules: Partial<Omit<RetentionClass, "name">>): Promise<void> => {
    const without = { lifetimeMs: null, longestMs: null, untaggedMs: null, locked: false };
    await this.store.retention.defineClass({ name, ...without, ...rules });
  };

  /** Everything that time alone brings. */
  settle = async (): Promise<void> => {
    for (let round = 0; round < 3; round++) {
      this.now += long;
      await this.store.collection.run();
    }
  };

  #open(): Promise<Store> {
    return openStore({ ...this.place.options, database: this.database, limits: this.limits, now: () => this.now });
  }
}
