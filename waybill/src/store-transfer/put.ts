import { resolve } from "node:path";
import type { Digest, PackageLink, RepositoryName, Tag } from "@waybill/artifact-store";
import { inParallel } from "@waybill/foundation/concurrency";
import { UserError } from "@waybill/foundation/errors";
import type { PackageListing, StoreAccess } from "../store-access/index.ts";
import { allOf } from "../store-words/index.ts";
import type { Progress } from "../terminal/index.ts";
import { openJournal, type Journal } from "./journal.ts";
import { blobOfFile, type FileSet, type LocalFile } from "./local-file.ts";
import { sendBlob } from "./send-blob.ts";

export interface PutAsked {
  readonly repository: RepositoryName;
  readonly tag: Tag | undefined;
  readonly paths: readonly string[];
  readonly producer: string;
  readonly kind: string;
  readonly runId?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly links: readonly PackageLink[];
  readonly class?: string;
}

export interface PutResult {
  readonly package: PackageListing;
  readonly tag: Tag | undefined;
  /** Bytes that had to be sent. */
  readonly sent: number;
}

/** Files at once: enough to fill a line, and few enough to hold in memory. */
const atOnce = 4;

/**
 * Puts files into a store as one package. What is there is not sent again, and after a kill at any moment the same call goes
 * on where it stopped.
 */
export async function putFiles(
  access: StoreAccess,
  asked: PutAsked,
  { files }: FileSet,
  { progress, signal }: { readonly progress: Progress; readonly signal: AbortSignal },
): Promise<PutResult> {
  if (files.length === 0) throw new UserError("there is no file to put", "A package has at least one file.");
  const { repository, tag, paths, ...description } = asked;
  const journal = await openJournal(["put", access.place, repository, paths.map((path) => resolve(path)), description]);
  progress.expect(
    files.reduce((sum, file) => sum + file.size, 0),
    files.length,
  );
  const blobs = new Map<string, Digest>();
  let sent = 0;
  await inParallel(files, atOnce, async (file) => {
    const blob = await blobOfFile(file, signal);
    // Added after the wait: several are sent at once, and each would add to what it read before.
    const bytes = await sendFile({ access, repository, journal, progress, signal }, file, blob);
    sent += bytes;
    blobs.set(file.path, blob.digest);
    progress.fileDone();
  });
  signal.throwIfAborted();
  const open = await packageFor(access, journal, asked, blobs);
  if (open.package.state === "open") {
    await inParallel(
      [...blobs].filter(([path]) => !open.has.has(path)),
      atOnce,
      async ([path, digest]) => {
        signal.throwIfAborted();
        await access.packages.addFile(open.package.id, { path, digest });
      },
    );
  }
  const sealed = await access.packages.seal(open.package.id);
  if (tag !== undefined && sealed.digest !== undefined) {
    const { content, mediaType } = await access.content.manifest(repository, { digest: sealed.digest as Digest });
    await access.content.putManifest(repository, { content, mediaType, tags: [tag] });
  }
  await journal.remove();
  return { package: sealed, tag, sent };
}

async function sendFile(
  sending: Parameters<typeof sendBlob>[0],
  file: LocalFile,
  blob: Parameters<typeof sendBlob>[1],
): Promise<number> {
  try {
    return await sendBlob(sending, blob);
  } catch (error) {
    if (!(error instanceof UserError) || !/have the digest/.test(error.message)) throw error;
    throw new UserError(
      `${file.source} changed while it was sent`,
      "Run it again when nothing writes there any more; what is there is not sent again.",
      { cause: error },
    );
  }
}

/** The package that an earlier call left, when it fits these files as far as it goes; else a new one. */
async function packageFor(
  access: StoreAccess,
  journal: Journal,
  asked: PutAsked,
  blobs: ReadonlyMap<string, Digest>,
): Promise<{ readonly package: PackageListing; readonly has: ReadonlySet<string> }> {
  const { repository, producer, kind, runId, labels, links } = asked;
  const earlier = journal.package === undefined ? undefined : await access.packages.get(journal.package);
  if (earlier !== undefined && (earlier.state === "open" || earlier.state === "sealed")) {
    const has = new Set<string>();
    let fits = true;
    for await (const items of allOf((page) => access.packages.files(earlier.id, page))) {
      for (const { path, digest } of items) {
        has.add(path);
        fits &&= blobs.get(path) === digest;
      }
    }
    if (fits && (earlier.state === "open" || has.size === blobs.size)) return { package: earlier, has };
  }
  // The files are others by now, or its time is over. What was opened before ends by itself.
  if (journal.package !== undefined) await journal.startAnew();
  const opened = await access.packages.open({
    repository,
    producer,
    kind,
    labels,
    links,
    key: journal.key,
    ...(runId === undefined ? {} : { runId }),
    ...(asked.class === undefined ? {} : { class: asked.class }),
  });
  await journal.setPackage(opened.id);
  return { package: opened, has: new Set() };
}
