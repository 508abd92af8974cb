import { buffer } from "node:stream/consumers";
import { pipeline, Transform, type Readable } from "node:stream";

import type { Digest, RepositoryName } from "@waybill/artifact-store";
import { UserError } from "@waybill/foundation/errors";
import type { StoreAccess } from "../store-access/index.ts";
import type { Progress } from "../terminal/index.ts";
import type { Journal } from "./journal.ts";
import { persistently } from "./patience.ts";

/** Up to this size a blob goes in one request, and a cut costs no more than sending it again. */
const wholeBytes = 4 * 1024 * 1024;

/**
 * So much in one request: an upload is written down with the first part that is through, and proxies that hold a request
 * back, or limit one, are met half-way.
 */
const partBytes = 32 * 1024 * 1024;

/** Bytes on this machine that can be read from anywhere on, as often as is necessary. */
export interface BlobSource {
  readonly digest: Digest;
  readonly size: number;
  /** @param length how many; all that follow when absent */
  open(start: number, length?: number): Readable;
}

export interface Sending {
  readonly access: StoreAccess;
  readonly repository: RepositoryName;
  readonly journal: Journal;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * Brings a blob into a repository: nothing when it is there, the rest of it when a part is, and through cut connections.
 * @returns bytes that were sent
 */
export async function sendBlob(sending: Sending, blob: BlobSource): Promise<number> {
  const { access, repository, progress, signal } = sending;
  signal.throwIfAborted();
  const there = await persistently(
    signal,
    () => access.content.blobSize(repository, blob.digest),
    () => false,
  );
  if (there === blob.size) {
    progress.advance(blob.size, true);
    return 0;
  }
  if (blob.size > wholeBytes) return await sendInParts(sending, blob);
  const bytes = await buffer(blob.open(0));
  await persistently(
    signal,
    () => access.uploads.put(repository, bytes, blob.digest),
    () => false,
  );
  progress.advance(blob.size);
  return blob.size;
}

async function sendInParts(
  { access, repository, journal, progress, signal }: Sending,
  blob: BlobSource,
): Promise<number> {
  const { digest, size } = blob;
  let sent = 0;
  let counted = 0;
  /** Progress goes up to `offset`, however often a part of it is sent. */
  const reach = (offset: number, there: boolean): void => {
    if (offset <= counted) return;
    progress.advance(offset - counted, there);
    counted = offset;
  };
  let furthest = -1;
  let reached = 0;
  const progressed = (): boolean => {
    const further = reached > furthest;
    furthest = Math.max(furthest, reached);
    return further;
  };
  async function sendPart(id: string, offset: number, length: number): Promise<void> {
    const counter = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        sent += chunk.byteLength;
        reached += chunk.byteLength;
        reach(reached, false);
        done(signal.aborted ? (signal.reason as Error) : null, chunk);
      },
    });
    let failure: Error | null | undefined;
    const source = pipeline(blob.open(offset, length), counter, (error) => {
      failure = error;
    });
    try {
      await access.uploads.append(repository, id, { source, offset, length });
    } catch (error) {
      source.destroy();
      // A file that cannot be read any more is the reason, and not that its sending broke off.
      throw failure instanceof UserError ? failure : error;
    }
  }
  await persistently(
    signal,
    async () => {
      const known = journal.uploadOf(digest);
      const place = known === undefined ? undefined : await access.uploads.status(repository, known);
      // One that is longer than the blob cannot be the blob's.
      const { id, offset } =
        place === undefined || place.offset > size ? await access.uploads.start(repository) : place;
      if (id !== known) await journal.setUpload(digest, id);
      reached = offset;
      reach(offset, true);
      for (let at = offset; at < size; at += partBytes) await sendPart(id, at, Math.min(partBytes, size - at));
      await access.uploads.finish(repository, id, digest);
    },
    progressed,
  );
  await journal.setUpload(digest, undefined);
  return sent;
}
