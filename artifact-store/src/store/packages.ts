import { createHash, randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import type { Transaction } from "@waybill/foundation/database";
import {
  classOfRepository,
  ensureRepository,
  findClass,
  insertPackage,
  leaseBlob,
  linkBlob,
  manifestFacts,
  missingBlobs,
  packageFacts,
  packagesOf,
  releaseFiles,
  updatePackage,
  writeLabels,
  type Catalog,
  type Commits,
  type PackageRow,
  type StoreTables,
} from "../catalog/index.ts";
import { removeManifest } from "../collection/index.ts";
import { digestOf, type Digest } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import type { StoreEvent } from "../events/index.ts";
import { mediaTypes } from "../manifests/index.ts";
import { stableId, tenantOfRepository } from "../names/index.ts";
import {
  checkDescription,
  checkLabels,
  checkLinks,
  checkSize,
  emptyConfig,
  packageArtifactType,
  packageManifest,
  type ArchiveFormat,
  type ArchiveOptions,
  type NewPackage,
  type OpenPackageFile,
  type Package,
  type PackageFile,
  type PackageFilePage,
  type PackagePage,
  type PackageQuery,
  type Packages,
} from "../packages/index.ts";
import { blockOf } from "../retention/index.ts";
import type { ByteSource } from "../uploads/index.ts";
import type { Blobs } from "./blobs.ts";
import type { StoreLimits } from "./limits.ts";
import { mustBeOpen } from "./package-admission.ts";
import { PackageIntake, type PackageParts } from "./package-intake.ts";
import { foundPackage, gone, openFilesOf, PackageReading } from "./package-reading.ts";
import { packageOf } from "./package-records.ts";
import { putManifest } from "./put-manifest.ts";

type Tx = Transaction<StoreTables>;
type Tell = (event: StoreEvent) => void;

export class StoredPackages implements Packages {
  readonly #catalog: Catalog;
  readonly #commits: Commits;
  readonly #blobs: Blobs;
  readonly #limits: StoreLimits;
  readonly #now: () => number;
  readonly #reading: PackageReading;
  readonly #intake: PackageIntake;

  constructor(parts: PackageParts) {
    this.#catalog = parts.catalog;
    this.#commits = parts.commits;
    this.#blobs = parts.blobs;
    this.#limits = parts.limits;
    this.#now = parts.now;
    this.#reading = new PackageReading(parts);
    this.#intake = new PackageIntake(parts);
  }

  async get(id: string): Promise<Package> {
    return await this.#reading.get(id);
  }

  async find(query?: PackageQuery): Promise<PackagePage> {
    return await this.#reading.find(query);
  }

  async files(id: string, page?: { readonly cursor?: string; readonly limit?: number }): Promise<PackageFilePage> {
    return await this.#reading.files(id, page);
  }

  async openFile(id: string, path: string): Promise<OpenPackageFile> {
    return await this.#reading.openFile(id, path);
  }

  async writeArchive(id: string, format: ArchiveFormat): Promise<Readable> {
    return await this.#reading.writeArchive(id, format);
  }

  async open(asked: NewPackage): Promise<Package> {
    const described = checkDescription(asked);
    const { repository, key } = asked;
    const fingerprint = createHash("sha256")
      .update(JSON.stringify([described, asked.class]))
      .digest("base64url");
    const id = key === undefined ? randomUUID() : stableId("opened", repository, key);
    const now = this.#now();
    return await this.#commits.commit(async (tx, tell) => {
      if (asked.class !== undefined) await this.#classNamed(tx, asked.class);
      const home = await ensureRepository(tx, repository, now);
      const made = await insertPackage(tx, {
        id,
        repository_id: home,
        tenant: tenantOfRepository(repository),
        digest: null,
        producer: described.producer,
        kind: described.kind,
        run_id: described.runId ?? null,
        labels: JSON.stringify(described.labels),
        links: JSON.stringify(described.links),
        class: asked.class ?? null,
        state: "open",
        size: 0,
        file_count: 0,
        manifest_bytes: 0,
        created_at: now,
        sealed_at: null,
        expires_at: now + this.#limits.packageLifetimeMs,
        reason: null,
        fingerprint,
      });
      const row = await foundPackage(tx, id);
      if (row.fingerprint !== fingerprint) {
        throw new StoreError("KEY_REUSED", "this key opened another package: take a new key for a new one");
      }
      if (made) tell({ type: "package.opened", ...packageFacts(row) });
      return packageOf(row, now);
    });
  }

  async addFile(
    id: string,
    path: string,
    source: ByteSource | Digest,
    as?: { readonly mediaType?: string; readonly digest?: Digest },
  ): Promise<PackageFile> {
    return await this.#intake.addFile(id, path, source, as);
  }

  async addArchive(
    id: string,
    source: Readable,
    format: ArchiveFormat,
    options?: ArchiveOptions,
  ): Promise<readonly PackageFile[]> {
    return await this.#intake.addArchive(id, source, format, options);
  }

  async seal(id: string): Promise<Package> {
    const before = await foundPackage(this.#catalog, id);
    if (before.state === "sealed") return packageOf(before, this.#now());
    const config = await this.#blobs.put(before.repository, { chunks: new Blob([Buffer.from(emptyConfig)]).stream() });
    return await this.#commits.commit(async (tx, tell) => {
      const now = this.#now();
      const row = await foundPackage(tx, id);
      if (row.state === "sealed") return packageOf(row, now);
      mustBeOpen(row, now);
      const { repository, repository_id: home } = row;
      const files = await openFilesOf(tx, id);
      if (files.length === 0) throw new StoreError("PACKAGE_INVALID", "a package needs a file before it can be sealed");
      const blobs = [...new Set([config.digest, ...files.map((file) => file.digest)])];
      // Somebody may have hidden one from the repository. The package has it still, and so has its repository.
      for (const digest of await missingBlobs(tx, home, blobs)) {
        if (!(await leaseBlob(tx, digest, now + this.#limits.leaseMs))) {
          throw new StoreError("BLOB_DAMAGED", `the bytes of ${digest} were found damaged: add the file again`);
        }
        await linkBlob(tx, home, digest, now);
      }
      const content = packageManifest(checkDescription(descriptionOf(row)), files, row.created_at);
      const digest = digestOf(content);
      const rules = row.class === null ? await classOfRepository(tx, home) : await this.#classNamed(tx, row.class);
      await putManifest(
        tx,
        tell,
        {
          repository,
          home,
          digest,
          mediaType: mediaTypes.ociImage,
          artifactType: packageArtifactType,
          subject: undefined,
          content,
          references: { blobs, manifests: [] },
          tags: [],
        },
        { rules, leaseMs: this.#limits.leaseMs, now },
      );
      await updatePackage(tx, id, { state: "sealed", digest, sealed_at: now, expires_at: null });
      await releaseFiles(tx, id, now);
      const sealed = await foundPackage(tx, id);
      tell({ type: "package.sealed", ...packageFacts(sealed) });
      return packageOf(sealed, now);
    });
  }

  async describe(
    id: string,
    change: { readonly labels?: Package["labels"]; readonly links?: Package["links"] },
    check?: (present: Package) => void,
  ): Promise<Package> {
    const labels = change.labels && checkLabels(change.labels);
    const links = change.links && checkLinks(change.links);
    return await this.#commits.commit(async (tx, tell) => {
      const row = await foundPackage(tx, id);
      if (row.state === "deleted") throw gone(row);
      check?.(packageOf(row, this.#now()));
      const kept = descriptionOf(row);
      checkSize({ labels: labels ?? kept.labels, links: links ?? kept.links });
      await updatePackage(tx, id, {
        ...(labels === undefined ? {} : { labels: JSON.stringify(labels) }),
        ...(links === undefined ? {} : { links: JSON.stringify(links) }),
      });
      const after = await foundPackage(tx, id);
      await writeLabels(tx, after);
      tell({ type: "package.described", ...packageFacts(after) });
      return packageOf(after, this.#now());
    });
  }

  async delete(id: string, reason: string): Promise<Package> {
    if (reason.trim() === "" || reason.length > 500 || /\p{Cc}/u.test(reason)) {
      throw new StoreError("PACKAGE_INVALID", "a reason is 1 to 500 characters, none of them a control character");
    }
    return await this.#commits.commit(async (tx, tell) => {
      const now = this.#now();
      const row = await foundPackage(tx, id);
      if (row.state === "deleted") return packageOf(row, now);
      await this.#end(tx, tell, row, reason, now);
      return packageOf(await foundPackage(tx, id), now);
    });
  }

  /** Ends a package that may be ended: its files, or its manifest unless another package is that one, too. */
  async #end(tx: Tx, tell: Tell, row: PackageRow, reason: string, now: number): Promise<void> {
    const { repository, repository_id: repositoryId } = row;
    const digest = row.digest as Digest | null;
    const sharers = digest === null ? [] : await packagesOf(tx, repositoryId, digest);
    if (digest !== null && sharers.length === 1) {
      const facts = await manifestFacts(tx, repositoryId, digest, this.#limits.leaseMs);
      const block = facts && blockOf(facts, now);
      if (block !== undefined) throw new StoreError("HELD", `${repository} keeps ${digest}: ${block}`);
      if (await removeManifest(tx, tell, { repositoryId, repository, digest }, reason, now)) return;
    }
    await releaseFiles(tx, row.id, now);
    await updatePackage(tx, row.id, { state: "deleted", reason });
    tell({ type: "package.deleted", ...packageFacts(row), reason });
  }

  async #classNamed(catalog: Catalog, name: string) {
    const rules = await findClass(catalog, name);
    if (rules === undefined) throw new StoreError("RETENTION_INVALID", `there is no class ${JSON.stringify(name)}`);
    return rules;
  }
}

function descriptionOf(row: PackageRow): Pick<Package, "producer" | "kind" | "labels" | "links" | "runId"> {
  return {
    producer: row.producer,
    kind: row.kind,
    ...(row.run_id === null ? {} : { runId: row.run_id }),
    labels: JSON.parse(row.labels) as Package["labels"],
    links: JSON.parse(row.links) as Package["links"],
  };
}
