import { mkdir, readFile, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { contentsOf, digestOf, type Digest, type RepositoryName } from "@waybill/artifact-store";
import { inParallel } from "@waybill/foundation/concurrency";
import { UserError } from "@waybill/foundation/errors";
import { UnsoundError } from "../errors/index.ts";
import type { Reference, StoreAccess } from "../store-access/index.ts";
import type { ManifestTarget } from "../store-words/index.ts";
import type { Progress } from "../terminal/index.ts";
import { archiveFormatOf, exists, packFiles } from "./archive-file.ts";
import { algorithmOf } from "./digest.ts";
import { fetchBlob, writeWhole } from "./fetch-blob.ts";
import {
  blobPath,
  indexFile,
  layoutFile,
  layoutMarker,
  readLayoutIndex,
  refNameKey,
  retentionKey,
  writeLayoutIndex,
  type KeptRetention,
  type LayoutEntry,
} from "./layout.ts";
import { isThere, openTarget, placeFor } from "./target-folder.ts";

export interface ExportOptions {
  readonly force: boolean;
  /** Put class, expiry and holds beside each reference. */
  readonly retention: boolean;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

export interface ExportResult {
  readonly manifests: number;
  readonly blobs: number;
  readonly bytes: number;
}

interface Wanted {
  readonly repository: RepositoryName;
  readonly size: number;
}

const atOnce = 4;
const deepestIndex = 8;

/**
 * Writes manifests with all that they name as an OCI image layout, a folder or a tar archive, that skopeo and its like
 * read. Goes on where an earlier call stopped. A folder that is a layout already gets the new references beside its own.
 */
export async function exportLayout(
  access: StoreAccess,
  targets: readonly ManifestTarget[],
  target: string,
  options: ExportOptions,
): Promise<ExportResult> {
  const format = archiveFormatOf(target);
  if (format !== undefined && format !== "tar") {
    throw new UserError(`${target} cannot be a layout: it is a folder or a plain tar archive`, "Name it with .tar.");
  }
  if (format === undefined) return await writeFolder(access, targets, target, options);
  if (!options.force && (await exists(target))) {
    throw new UserError(`${target} is there already`, "Choose another name, or replace it with --force.");
  }
  // Named by what was asked for: another export of the same name does not go on with this one's index.
  const asked = digestOf(Buffer.from(JSON.stringify([access.place, targets, options.retention])));
  const gathered = join(dirname(target), `.${basename(target)}.${asked.slice(7, 19)}.partial`);
  const result = await writeFolder(access, targets, gathered, options);
  const entries = readLayoutIndex(await readFile(join(gathered, indexFile), "utf8"));
  await packFiles(await filesOf(gathered, entries), "tar", target, options.signal);
  await rm(gathered, { recursive: true });
  return result;
}

async function writeFolder(
  access: StoreAccess,
  targets: readonly ManifestTarget[],
  root: string,
  options: ExportOptions,
): Promise<ExportResult> {
  await openTarget(root);
  const before = await entriesIn(root);
  const blobs = new Map<Digest, Wanted>();
  const manifests = new Map<Digest, Uint8Array>();
  const entries: LayoutEntry[] = [];
  const several = new Set(targets.map(({ repository }) => repository)).size > 1;
  for (const { repository, reference } of targets) {
    const top = await gather(access, repository, reference, { blobs, manifests, signal: options.signal }, 0);
    const name = "tag" in reference ? (several ? `${repository}:${reference.tag}` : reference.tag) : undefined;
    const kept = options.retention ? await retentionOf(access, repository, { digest: top.digest }) : undefined;
    entries.push({
      mediaType: top.mediaType,
      digest: top.digest,
      size: top.size,
      annotations: {
        ...(name === undefined ? {} : { [refNameKey]: name }),
        ...(kept === undefined ? {} : { [retentionKey]: JSON.stringify(kept) }),
      },
    });
  }
  const bytes = [...blobs.values()].reduce((sum, { size }) => sum + size, 0);
  options.progress.expect(bytes, blobs.size);
  await mkdir(join(root, "blobs"), { recursive: true });
  await inParallel(blobs, atOnce, async ([digest, { repository, size }]) => {
    const file = { path: blobPath(digest), digest, size };
    const place = await placeFor(root, file.path);
    // Its name is its digest: other bytes there are damage, and never somebody's.
    if (await isThere(place, file, true)) options.progress.advance(size, true);
    else await fetchBlob({ access, repository, ...options }, file, place);
    options.progress.fileDone();
  });
  for (const [digest, content] of manifests) {
    await writeWhole(await placeFor(root, blobPath(digest)), content);
  }
  // Last, and each whole: what the index names is there.
  await writeWhole(join(root, layoutFile), layoutMarker);
  await writeWhole(join(root, indexFile), writeLayoutIndex(merged(before, entries)));
  return { manifests: manifests.size, blobs: blobs.size, bytes };
}

/** References that a layout in this folder has already. @throws UserError where something else is there */
async function entriesIn(root: string): Promise<LayoutEntry[]> {
  const text = await readFile(join(root, indexFile), "utf8").catch(() => undefined);
  return text === undefined ? [] : readLayoutIndex(text);
}

/** The new ones in the place of those with the same name, or the same digest without a name. */
function merged(before: readonly LayoutEntry[], entries: readonly LayoutEntry[]): LayoutEntry[] {
  const keyOf = (one: LayoutEntry): string => one.annotations[refNameKey] ?? one.digest;
  const keys = new Set(entries.map(keyOf));
  return [...before.filter((one) => !keys.has(keyOf(one))), ...entries];
}

async function gather(
  access: StoreAccess,
  repository: RepositoryName,
  reference: Reference,
  found: {
    readonly blobs: Map<Digest, Wanted>;
    readonly manifests: Map<Digest, Uint8Array>;
    readonly signal: AbortSignal;
  },
  depth: number,
): Promise<{ readonly digest: Digest; readonly mediaType: string; readonly size: number }> {
  found.signal.throwIfAborted();
  const { digest, mediaType, content } = await access.content.manifest(repository, reference);
  if (digestOf(content, algorithmOf(digest)) !== digest || ("digest" in reference && reference.digest !== digest)) {
    throw new UnsoundError(`the manifest that ${access.place} sent is not what its digest says`);
  }
  found.manifests.set(digest, content);
  const { config, layers, manifests } = contentsOf(content, mediaType);
  for (const part of [...(config === undefined ? [] : [config]), ...layers]) {
    found.blobs.set(part.digest, { repository, size: part.size });
  }
  if (depth === deepestIndex && manifests.length > 0)
    throw new UserError(`${digest} names indexes too deep in one another`);
  for (const child of manifests) {
    if (!found.manifests.has(child.digest))
      await gather(access, repository, { digest: child.digest }, found, depth + 1);
  }
  return { digest, mediaType, size: content.byteLength };
}

async function retentionOf(
  access: StoreAccess,
  repository: RepositoryName,
  reference: Reference,
): Promise<KeptRetention> {
  const { class: name, expiresAt, holds } = await access.retention.show(repository, reference);
  return { class: name, expiresAt, holds: [...holds] };
}

/** All files of a layout folder that its index leads to, in an order that a reader likes: the index first. */
async function filesOf(root: string, entries: readonly LayoutEntry[]) {
  const blobs = new Map<Digest, number>();
  const visit = async ({
    digest,
    size,
    mediaType,
  }: Pick<LayoutEntry, "digest" | "size" | "mediaType">): Promise<void> => {
    if (blobs.has(digest)) return;
    blobs.set(digest, size);
    const { config, layers, manifests } = contentsOf(await readFile(join(root, blobPath(digest))), mediaType);
    for (const part of [...(config === undefined ? [] : [config]), ...layers]) blobs.set(part.digest, part.size);
    for (const child of manifests) await visit(child);
  };
  for (const entry of entries) await visit(entry);
  const file = async (path: string) => {
    const source = join(root, path);
    return { path, source, size: (await readFile(source)).byteLength };
  };
  const sorted = [...blobs].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [
    await file(layoutFile),
    await file(indexFile),
    ...sorted.map(([digest, size]) => ({ path: blobPath(digest), source: join(root, blobPath(digest)), size })),
  ];
}
