import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Transform, type Writable } from "node:stream";
import { contentsOf, type Digest } from "@waybill/artifact-store";
import { inParallel } from "@waybill/foundation/concurrency";
import { UserError } from "@waybill/foundation/errors";
import { NotFoundError, UnsoundError, UsageError } from "../errors/index.ts";
import type { StoreAccess } from "../store-access/index.ts";
import { targetText, type ManifestTarget } from "../store-words/index.ts";
import type { Progress } from "../terminal/index.ts";
import { archiveFormatOf, exists, packFiles } from "./archive-file.ts";
import { algorithmOf } from "./digest.ts";
import { exportLayout } from "./export.ts";
import { fetchBlob } from "./fetch-blob.ts";
import { checkedFiles, isThere, openTarget, placeFor, type NamedFile } from "./target-folder.ts";

export interface GetResult {
  readonly digest: string;
  readonly files: number;
  readonly bytes: number;
  /** `layout`: an image, written as an OCI image layout. */
  readonly as: "files" | "archive" | "layout" | "file";
}

export interface GetOptions {
  readonly force: boolean;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

const atOnce = 4;

/** A package's files into a folder or an archive; an image, whose layers have no names, as an OCI image layout. */
export async function getFiles(
  access: StoreAccess,
  { repository, reference }: ManifestTarget,
  target: string,
  options: GetOptions,
): Promise<GetResult> {
  const manifest = await access.content.manifest(repository, reference);
  const { layers } = contentsOf(manifest.content, manifest.mediaType);
  if (layers.length === 0 || layers.some(({ title }) => title === undefined)) {
    const { bytes, blobs } = await exportLayout(access, [{ repository, reference }], target, {
      ...options,
      retention: false,
    });
    return { digest: manifest.digest, files: blobs, bytes, as: "layout" };
  }
  const files = checkedFiles(layers);
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const fetching = { access, repository, ...options };
  const format = archiveFormatOf(target);
  options.progress.expect(bytes, files.length);
  if (format === undefined) {
    await openTarget(target);
    await fill(fetching, files, target);
    return { digest: manifest.digest, files: files.length, bytes, as: "files" };
  }
  if (!options.force && (await exists(target))) throw taken(target);
  // Whole and verified first, packed then: no byte gets into the archive that is not what its digest says.
  const gathered = join(dirname(target), `.${basename(target)}.${manifest.digest.slice(7, 19)}.partial`);
  await openTarget(gathered);
  await fill(fetching, files, gathered);
  const packed = files.map((file) => ({ ...file, source: join(gathered, file.path) }));
  await packFiles(packed, format, target, options.signal);
  await rm(gathered, { recursive: true });
  return { digest: manifest.digest, files: files.length, bytes, as: "archive" };
}

async function fill(
  fetching: Parameters<typeof fetchBlob>[0] & { readonly force: boolean },
  files: readonly NamedFile[],
  root: string,
): Promise<void> {
  await inParallel(files, atOnce, async (file) => {
    fetching.signal.throwIfAborted();
    const place = await placeFor(root, file.path);
    if (await isThere(place, file, fetching.force)) fetching.progress.advance(file.size, true);
    else await fetchBlob(fetching, file, place);
    fetching.progress.fileDone();
  });
}

function taken(target: string): UserError {
  return new UserError(`${target} is there already`, "Choose another name, or replace it with --force.");
}

/** One file of a package, to a file or to a stream. */
export async function getFile(
  access: StoreAccess,
  target: ManifestTarget,
  path: string,
  output: string | Writable,
  options: GetOptions,
): Promise<GetResult> {
  const { repository, reference } = target;
  const { layers } = await access.content.look(repository, reference);
  const found = layers.find(({ title }) => title === path);
  if (found === undefined) {
    throw new NotFoundError(
      `${targetText(target)} has no file ${JSON.stringify(path)}`,
      "waybill store show lists its files.",
    );
  }
  const file: NamedFile = { path, digest: found.digest as Digest, size: found.size };
  const fetching = { access, repository, ...options };
  options.progress.expect(file.size, 1);
  if (typeof output !== "string") await stream(fetching, file, output);
  else {
    if (output === "" || output.endsWith("/")) throw new UsageError("--output names a file, or - for standard output");
    if (await isThere(output, file, options.force)) options.progress.advance(file.size, true);
    else await fetchBlob(fetching, file, output);
  }
  options.progress.fileDone();
  return { digest: file.digest, files: 1, bytes: file.size, as: "file" };
}

/** Straight through: whoever reads has the bytes before they are known to be right, and the exit code tells. */
async function stream(fetching: Parameters<typeof fetchBlob>[0], file: NamedFile, output: Writable): Promise<void> {
  const hash = createHash(algorithmOf(file.digest));
  const through = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      fetching.progress.advance(chunk.byteLength);
      done(null, chunk);
    },
  });
  const source = await fetching.access.content.openBlob(fetching.repository, file.digest, 0);
  await pipeline(source, through, output, { end: false, signal: fetching.signal });
  if (`${algorithmOf(file.digest)}:${hash.digest("hex")}` === file.digest) return;
  throw new UnsoundError(`the bytes of ${file.path} are not what its digest says`, "Do not use what was written.");
}
