import { resolve } from "node:path";
import { contentsOf, digestOf, parseTag, type Digest, type RepositoryName, type Tag } from "@waybill/artifact-store";
import { inParallel } from "@waybill/foundation/concurrency";
import { UserError } from "@waybill/foundation/errors";
import { NotFoundError, UnsoundError, UsageError } from "../errors/index.ts";
import type { StoreAccess } from "../store-access/index.ts";
import type { Progress } from "../terminal/index.ts";
import { algorithmOf } from "./digest.ts";
import { openJournal } from "./journal.ts";
import { readLayoutIndex, readRetention, refNameKey, retentionKey, type LayoutEntry } from "./layout.ts";
import { openLayout, type LayoutSource } from "./layout-source.ts";
import { sendBlob, type Sending } from "./send-blob.ts";

export interface ImportAsked {
  readonly source: string;
  readonly repository: RepositoryName;
  /** What the one manifest is called; undefined: each as the layout calls it. */
  readonly tag: Tag | undefined;
  /** Only what the layout calls so. */
  readonly reference?: string;
  /** Take over class, expiry and holds that an export put beside. */
  readonly retention: boolean;
}

export interface Imported {
  readonly digest: Digest;
  readonly tag: string | undefined;
}

const atOnce = 4;
const deepestIndex = 8;

/** Brings what an OCI image layout names into a repository. Blobs that are there are not sent again. */
export async function importLayout(
  access: StoreAccess,
  asked: ImportAsked,
  { progress, signal }: { readonly progress: Progress; readonly signal: AbortSignal },
): Promise<readonly Imported[]> {
  const layout = await openLayout(asked.source);
  try {
    const chosen = chosenOf(readLayoutIndex(await layout.index()), asked);
    const { repository } = asked;
    const journal = await openJournal(["import", access.place, repository, resolve(asked.source)]);
    const sending = { access, repository, journal, progress, signal };
    const imported: Imported[] = [];
    for (const entry of chosen) {
      const tag = asked.tag ?? tagOf(entry);
      await bring(sending, layout, entry.digest, entry.mediaType, tag, 0);
      if (asked.retention) await restore(access, repository, entry);
      imported.push({ digest: entry.digest, tag });
    }
    await journal.remove();
    return imported;
  } finally {
    await layout.close();
  }
}

function chosenOf(entries: readonly LayoutEntry[], { reference, tag, source }: ImportAsked): readonly LayoutEntry[] {
  const names = entries.map((entry) => entry.annotations[refNameKey] ?? entry.digest);
  const known = `It has ${names.slice(0, 20).join(", ")}${names.length > 20 ? ", …" : ""}.`;
  const chosen = reference === undefined ? entries : entries.filter((_, index) => names[index] === reference);
  if (chosen.length === 0) {
    throw reference === undefined
      ? new UserError(`${source} names no manifest`)
      : new NotFoundError(`${source} has nothing called ${reference}`, known);
  }
  if (tag !== undefined && chosen.length > 1) {
    throw new UsageError(
      `${source} has ${chosen.length} manifests, and one tag is for one`,
      `Choose with --ref. ${known}`,
    );
  }
  return chosen;
}

/** The tag that the layout gives it: a name that is a tag, or that ends with one. */
function tagOf(entry: LayoutEntry): Tag | undefined {
  const name = entry.annotations[refNameKey];
  if (name === undefined || name.includes("@")) return undefined;
  try {
    return parseTag(name.slice(name.lastIndexOf(":") + 1));
  } catch {
    return undefined;
  }
}

/** What a manifest names first, then the manifest: the order in which a store takes them. */
async function bring(
  sending: Sending,
  layout: LayoutSource,
  digest: Digest,
  mediaType: string,
  tag: Tag | undefined,
  depth: number,
): Promise<void> {
  const { access, repository, progress, signal } = sending;
  signal.throwIfAborted();
  const content = await layout.document(digest);
  if (digestOf(content, algorithmOf(digest)) !== digest) {
    throw new UnsoundError(`the layout's ${digest} has other bytes than its name says`, "Make the layout again.");
  }
  const { config, layers, manifests } = contentsOf(content, mediaType);
  if (depth === deepestIndex && manifests.length > 0)
    throw new UserError(`${digest} names indexes too deep in one another`);
  const blobs = new Map([...(config === undefined ? [] : [config]), ...layers].map((part) => [part.digest, part.size]));
  progress.expect(
    [...blobs.values()].reduce((sum, size) => sum + size, 0),
    blobs.size,
  );
  await inParallel(blobs, atOnce, async ([blob, size]) => {
    const there = await layout.sizeOf(blob);
    if (there !== undefined && there !== size) {
      throw new UnsoundError(
        `the layout's ${blob} has ${there} bytes, and should have ${size}`,
        "Make the layout again.",
      );
    }
    if (there === undefined && (await access.content.blobSize(repository, blob)) === undefined) {
      throw new UserError(`the layout has no ${blob}, and neither has ${repository}`, "Make the layout again, whole.");
    }
    await sendBlob(sending, {
      digest: blob,
      size,
      open: (start, length = size - start) => layout.open(blob, start, length),
    });
    progress.fileDone();
  });
  for (const child of manifests) await bring(sending, layout, child.digest, child.mediaType, undefined, depth + 1);
  await access.content.putManifest(repository, { content, mediaType, tags: tag === undefined ? [] : [tag] });
}

/** The class must be defined here: what it means is this store's to say. */
async function restore(access: StoreAccess, repository: RepositoryName, entry: LayoutEntry): Promise<void> {
  const text = entry.annotations[retentionKey];
  if (text === undefined) return;
  const kept = readRetention(text);
  const reference = { digest: entry.digest };
  const now = await access.retention.show(repository, reference);
  if (now.class !== kept.class) await access.retention.classify(repository, reference, kept.class);
  for (const { name, holder, why } of kept.holds) {
    await access.retention.hold(repository, reference, { name, why: `${why} (placed by ${holder})`.slice(0, 500) });
  }
  const { expiresAt } = await access.retention.show(repository, reference);
  if (kept.expiresAt === null || expiresAt === null || Date.parse(kept.expiresAt) <= Date.parse(expiresAt)) return;
  await access.retention.extend(repository, reference, { until: kept.expiresAt, why: "taken over by an import" });
}
