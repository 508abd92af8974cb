import { createHash, randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import type { Transaction } from "@waybill/foundation/database";
import {
  classOfRepository,
  ensureRepository,
  expiredPackages,
  fileInTheWay,
  findClass,
  findManifest,
  findPackage,
  findPackageFile,
  insertPackage,
  insertPackageFiles,
  leaseBlob,
  linkBlob,
  lockManifest,
  lockPackage,
  manifestFacts,
  missingBlobs,
  packageBacklog,
  packageFacts,
  packagesOf,
  pagePackageFiles,
  releaseFiles,
  searchPackages,
  settleBacklog,
  updatePackage,
  writeLabels,
  type Catalog,
  type Commits,
  type PackageRow,
  type StoreTables,
} from "../catalog/index.ts";
import { removeManifest } from "../collection/index.ts";
import { digestOf, parseDigest, type Digest } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import type { StoreEvent } from "../events/index.ts";
import { manifestLimitBytes, mediaTypes, parseMediaType } from "../manifests/index.ts";
import { parseRepositoryName, tenantOfRepository } from "../names/index.ts";
import {
  checkDescription,
  checkLabels,
  checkLinks,
  checkPath,
  checkSize,
  emptyConfig,
  foldPath,
  manifestBytesOf,
  mediaTypeOfPath,
  packageArtifactType,
  packageContent,
  packageManifest,
  shownPath,
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
import { cursorOf, placeOf } from "./package-cursor.ts";
import { idOf, packageOf, recordImported } from "./package-records.ts";
import { putManifest } from "./put-manifest.ts";

type Tx = Transaction<StoreTables>;
type Tell = (event: StoreEvent) => void;

/** What its description may take of a manifest, beside its files. */
const describedBytes = 128 * 1024;
const usualPage = 100;
const largestPage = 1000;
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export class StoredPackages implements Packages {
  readonly #catalog: Catalog;
  readonly #commits: Commits;
  readonly #blobs: Blobs;
  readonly #limits: StoreLimits;
  readonly #now: () => number;
  readonly #spool: string;
  #indexed: Promise<void> | undefined;

  /** @param parts.spool a folder on a disk for archives that have to be seen whole before their first entry */
  constructor(parts: {
    readonly catalog: Catalog;
    readonly commits: Commits;
    readonly blobs: Blobs;
    readonly limits: StoreLimits;
    readonly now: () => number;
    readonly spool: string;
  }) {
    this.#catalog = parts.catalog;
    this.#commits = parts.commits;
    this.#blobs = parts.blobs;
    this.#limits = parts.limits;
    this.#now = parts.now;
    this.#spool = parts.spool;
  }

  async open(asked: NewPackage): Promise<Package> {
    const described = checkDescription(asked);
    const { repository, key } = asked;
    const fingerprint = createHash("sha256")
      .update(JSON.stringify([described, asked.class]))
      .digest("base64url");
    const id = key === undefined ? randomUUID() : idOf("opened", repository, key);
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
      const row = await this.#found(tx, id);
      if (row.fingerprint !== fingerprint) {
        throw new StoreError("PACKAGE_CONFLICT", "this key opened another package: take a new key for a new one");
      }
      if (made) tell({ type: "package.opened", ...packageFacts(row) });
      return packageOf(row, now);
    });
  }

  async addFile(
    id: string,
    path: string,
    source: ByteSource | Digest,
    as: { readonly mediaType?: string; readonly digest?: Digest } = {},
  ): Promise<PackageFile> {
    checkPath(path);
    const mediaType = as.mediaType === undefined ? mediaTypeOfPath(path) : parseMediaType(as.mediaType);
    if (mediaType === undefined) throw new StoreError("PACKAGE_INVALID", "this is no media type");
    const { repository } = await this.#open(this.#catalog, id);
    const known = await findPackageFile(this.#catalog, id, path);
    // Before the bytes come: they may be many.
    if (known === undefined) await this.#nothingInTheWay(this.#catalog, id, path);
    const blob =
      typeof source === "string"
        ? await this.#blobs.stat(repository, source)
        : await this.#blobs.put(repository, source, as.digest);
    const file = { path, mediaType, size: blob.size, digest: blob.digest };
    await this.#record(id, [file]);
    return known?.digest === file.digest ? { ...file, mediaType: known.mediaType } : file;
  }

  async addArchive(
    id: string,
    source: Readable,
    format: ArchiveFormat,
    options: ArchiveOptions = {},
  ): Promise<readonly PackageFile[]> {
    const { takeArchive } = await import("./package-archives.ts");
    try {
      const { repository } = await this.#open(this.#catalog, id);
      const files = await takeArchive({
        source,
        format,
        options,
        spool: this.#spool,
        limits: this.#limits,
        put: (bytes) => this.#blobs.put(repository, bytes),
      });
      await this.#record(id, files);
      return files;
    } catch (error) {
      source.destroy();
      throw error;
    }
  }

  async seal(id: string): Promise<Package> {
    const before = await this.#found(this.#catalog, id);
    if (before.state === "sealed") return packageOf(before, this.#now());
    const config = await this.#blobs.put(before.repository, { chunks: new Blob([Buffer.from(emptyConfig)]).stream() });
    return await this.#commits.commit(async (tx, tell) => {
      const now = this.#now();
      const row = await this.#lock(tx, id);
      if (row.state === "sealed") return packageOf(row, now);
      this.#mustBeOpen(row, now);
      const { repository, repository_id: home } = row;
      const files = await this.#openFiles(tx, id);
      if (files.length === 0) throw new StoreError("PACKAGE_INVALID", "a package needs a file before it can be sealed");
      const blobs = [...new Set([config.digest, ...files.map((file) => file.digest)])];
      // Somebody may have hidden one from the repository. The package has it still, and so has its repository.
      for (const digest of await missingBlobs(tx, home, blobs, this.#commits.dialect)) {
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
        { rules, dialect: this.#commits.dialect, leaseMs: this.#limits.leaseMs, now },
      );
      await updatePackage(tx, id, { state: "sealed", digest, sealed_at: now, expires_at: null });
      await releaseFiles(tx, id, now);
      const sealed = await this.#found(tx, id);
      tell({ type: "package.sealed", ...packageFacts(sealed) });
      return packageOf(sealed, now);
    });
  }

  async get(id: string): Promise<Package> {
    return packageOf(await this.#found(this.#catalog, id), this.#now());
  }

  async find(query: PackageQuery = {}): Promise<PackagePage> {
    // Asked for first by somebody: a start costs the same with any number of manifests.
    await (this.#indexed ??= this.#indexBacklog().catch((error: unknown) => {
      this.#indexed = undefined;
      throw error;
    }));
    const limit = pageLimit(query.limit);
    const { cursor, limit: _, ...list } = query;
    const before = placeOf(cursor, list);
    const now = this.#now();
    const rows = await searchPackages(this.#catalog, {
      visible: query.visible ?? {},
      repository: query.repository,
      producer: query.producer,
      kind: query.kind,
      runId: query.runId,
      digest: query.digest,
      labels: query.labels ?? {},
      states: query.states ?? ["open", "sealed", "expired"],
      now,
      before,
      limit: limit + 1,
    });
    const items = rows.slice(0, limit).map((row) => packageOf(row, now));
    const last = rows.length > limit ? items.at(-1) : undefined;
    return { items, ...(last === undefined ? {} : { nextCursor: cursorOf(last, list) }) };
  }

  async files(id: string, page: { readonly cursor?: string; readonly limit?: number } = {}): Promise<PackageFilePage> {
    const row = await this.#found(this.#catalog, id);
    const limit = pageLimit(page.limit);
    const after = page.cursor === undefined ? "" : Buffer.from(page.cursor, "base64url").toString();
    const some =
      row.state === "open"
        ? (await pagePackageFiles(this.#catalog, id, { after, limit: limit + 1 })).map(fileOf)
        : (await this.#sealedFiles(row))
            .filter((file) => Buffer.compare(Buffer.from(file.path), Buffer.from(after)) > 0)
            .slice(0, limit + 1);
    const items = some.slice(0, limit);
    const last = some.length > limit ? items.at(-1) : undefined;
    return { items, ...(last === undefined ? {} : { nextCursor: Buffer.from(last.path).toString("base64url") }) };
  }

  async openFile(id: string, path: string): Promise<OpenPackageFile> {
    const row = await this.#found(this.#catalog, id);
    const file =
      row.state === "open"
        ? await findPackageFile(this.#catalog, id, path)
        : (await this.#sealedFiles(row)).find((one) => one.path === path);
    if (file === undefined) throw new StoreError("FILE_UNKNOWN", `this package has no file ${shownPath(path)}`);
    const { reader } = await this.#blobs.open(row.repository, file.digest);
    return { ...fileOf(file), reader };
  }

  async describe(
    id: string,
    change: { readonly labels?: Package["labels"]; readonly links?: Package["links"] },
  ): Promise<Package> {
    const labels = change.labels && checkLabels(change.labels);
    const links = change.links && checkLinks(change.links);
    return await this.#commits.commit(async (tx, tell) => {
      const row = await this.#lock(tx, id);
      if (row.state === "deleted") throw gone(row);
      const kept = descriptionOf(row);
      checkSize({ labels: labels ?? kept.labels, links: links ?? kept.links });
      await updatePackage(tx, id, {
        ...(labels === undefined ? {} : { labels: JSON.stringify(labels) }),
        ...(links === undefined ? {} : { links: JSON.stringify(links) }),
      });
      const after = await this.#found(tx, id);
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
      const row = await this.#lock(tx, id);
      if (row.state === "deleted") return packageOf(row, now);
      await this.#end(tx, tell, row, reason, now);
      return packageOf(await this.#found(tx, id), now);
    });
  }

  async writeArchive(id: string, format: ArchiveFormat): Promise<Readable> {
    const { giveArchive } = await import("./package-archives.ts");
    const row = await this.#found(this.#catalog, id);
    const files = row.state === "open" ? await this.#openFiles(this.#catalog, id) : await this.#sealedFiles(row);
    return giveArchive(files, format, (file) => this.#blobs.open(row.repository, file.digest));
  }

  async sweep(): Promise<number> {
    const ids = await expiredPackages(this.#catalog, this.#now(), 100);
    for (const id of ids) {
      await this.#commits.commit(async (tx, tell) => {
        const now = this.#now();
        const row = await this.#lock(tx, id);
        if (row.state !== "open" || row.expires_at === null || row.expires_at > now) return;
        await this.#end(tx, tell, row, `nobody sealed it before ${new Date(row.expires_at).toISOString()}`, now);
      });
    }
    return ids.length;
  }

  /** Adds files in one commit: all of them, or none. */
  async #record(id: string, files: readonly PackageFile[]): Promise<void> {
    await this.#commits.commit(async (tx) => {
      const now = this.#now();
      const row = await this.#lock(tx, id);
      this.#mustBeOpen(row, now);
      const fresh: PackageFile[] = [];
      for (const file of files) {
        const known = await findPackageFile(tx, id, file.path);
        if (known?.digest === file.digest) continue;
        await this.#nothingInTheWay(tx, id, file.path);
        fresh.push(file);
      }
      // Rows in the order in which everybody takes them.
      for (const digest of [...new Set(files.map((file) => file.digest))].toSorted()) {
        if (!(await leaseBlob(tx, digest, now + this.#limits.leaseMs))) {
          throw new StoreError("BLOB_UNKNOWN", `${digest} was collected before it was added: send it again`);
        }
        await linkBlob(tx, row.repository_id, digest, now);
      }
      const added = (sizeOf: (file: PackageFile) => number): number =>
        fresh.reduce((sum, file) => sum + sizeOf(file), 0);
      const after = {
        size: row.size + added((file) => file.size),
        file_count: row.file_count + fresh.length,
        manifest_bytes: row.manifest_bytes + added(manifestBytesOf),
      };
      this.#withinLimits(after);
      await insertPackageFiles(
        tx,
        { id, repositoryId: row.repository_id },
        fresh.map((file) => ({ ...file, folded: foldPath(file.path) })),
      );
      await updatePackage(tx, id, { ...after, expires_at: now + this.#limits.packageLifetimeMs });
    });
  }

  #withinLimits(after: { readonly size: number; readonly file_count: number; readonly manifest_bytes: number }): void {
    const { packageFiles, packageBytes } = this.#limits;
    const over =
      after.file_count > packageFiles
        ? `a package has at most ${packageFiles} files`
        : after.size > packageBytes
          ? `a package has at most ${packageBytes} bytes`
          : after.manifest_bytes > manifestLimitBytes - describedBytes
            ? `the paths of a package must fit into a manifest of ${manifestLimitBytes} bytes`
            : undefined;
    if (over !== undefined) throw new StoreError("TOO_LARGE", `${over}: seal it, and open another one`);
  }

  /** Ends a package that may be ended: its files, or its manifest unless another package is that one, too. */
  async #end(tx: Tx, tell: Tell, row: PackageRow, reason: string, now: number): Promise<void> {
    const { repository, repository_id: repositoryId } = row;
    const digest = row.digest as Digest | null;
    const sharers = digest === null ? [] : await packagesOf(tx, repositoryId, digest);
    if (digest !== null && sharers.length === 1) {
      await lockManifest(tx, repositoryId, digest, "update", this.#commits.dialect);
      const facts = await manifestFacts(tx, repositoryId, digest, this.#limits.leaseMs);
      const block = facts && blockOf(facts, now);
      if (block !== undefined) throw new StoreError("HELD", `${repository} keeps ${digest}: ${block}`);
      if (await removeManifest(tx, tell, { repositoryId, repository, digest }, reason, now)) return;
    }
    await releaseFiles(tx, row.id, now);
    await updatePackage(tx, row.id, { state: "deleted", reason });
    tell({ type: "package.deleted", ...packageFacts(row), reason });
  }

  /** Manifests from before packages were. */
  async #indexBacklog(): Promise<void> {
    for (;;) {
      const page = await packageBacklog(this.#catalog, 100);
      if (page.length === 0) return;
      await this.#commits.commit(async (tx, tell) => {
        for (const { repository: home, name, digest } of page) {
          const repository = parseRepositoryName(name);
          const manifest = await findManifest(tx, repository, { digest });
          if (manifest !== undefined) await recordImported(tx, tell, { ...manifest, repository, home }, this.#now());
          await settleBacklog(tx, home, digest);
        }
      });
    }
  }

  async #openFiles(catalog: Catalog, id: string): Promise<PackageFile[]> {
    const files: PackageFile[] = [];
    for (;;) {
      const page = await pagePackageFiles(catalog, id, { after: files.at(-1)?.path ?? "", limit: largestPage });
      files.push(...page.map(fileOf));
      if (page.length < largestPage) return files;
    }
  }

  async #sealedFiles(row: PackageRow): Promise<readonly PackageFile[]> {
    const digest = parseDigest(row.digest ?? "");
    if (row.state === "deleted" || digest === undefined) throw gone(row);
    const manifest = await findManifest(this.#catalog, row.repository, { digest });
    if (manifest === undefined) throw gone(row);
    return packageContent(manifest.content, manifest.mediaType).files;
  }

  async #nothingInTheWay(catalog: Catalog, id: string, path: string): Promise<void> {
    const other = await fileInTheWay(catalog, id, foldPath(path));
    if (other === undefined) return;
    const why =
      other === path
        ? "with other bytes is there already"
        : `would meet ${shownPath(other)} in a file system that tells neither case nor Unicode forms apart, or as file and folder`;
    throw new StoreError("PACKAGE_CONFLICT", `${shownPath(path)} ${why}`);
  }

  async #classNamed(catalog: Catalog, name: string) {
    const rules = await findClass(catalog, name);
    if (rules === undefined) throw new StoreError("RETENTION_INVALID", `there is no class ${JSON.stringify(name)}`);
    return rules;
  }

  async #found(catalog: Catalog, id: string): Promise<PackageRow> {
    return known(uuid.test(id) ? await findPackage(catalog, id) : undefined);
  }

  async #lock(tx: Tx, id: string): Promise<PackageRow> {
    return known(uuid.test(id) ? await lockPackage(tx, id, this.#commits.dialect) : undefined);
  }

  async #open(catalog: Catalog, id: string): Promise<PackageRow> {
    const row = await this.#found(catalog, id);
    this.#mustBeOpen(row, this.#now());
    return row;
  }

  #mustBeOpen(row: PackageRow, now: number): void {
    if (row.state === "deleted") throw gone(row);
    if (row.state === "sealed")
      throw new StoreError("PACKAGE_SEALED", "this package is sealed: it takes no more files");
    if (row.expires_at !== null && row.expires_at <= now) {
      throw new StoreError("PACKAGE_GONE", "this package has expired: open another one");
    }
  }
}

function known(row: PackageRow | undefined): PackageRow {
  if (row === undefined) throw new StoreError("PACKAGE_UNKNOWN", "there is no such package");
  return row;
}

function gone(row: PackageRow): StoreError {
  return new StoreError("PACKAGE_GONE", `this package was deleted: ${row.reason ?? "its manifest is gone"}`);
}

function fileOf({ path, mediaType, size, digest }: PackageFile): PackageFile {
  return { path, mediaType, size, digest };
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

function pageLimit(limit: number = usualPage): number {
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= largestPage) return limit;
  throw new StoreError("PACKAGE_INVALID", `a page has 1 to ${largestPage} entries`);
}
