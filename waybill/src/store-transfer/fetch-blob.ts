import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import type { Digest, RepositoryName } from "@waybill/artifact-store";
import { UserError } from "@waybill/foundation/errors";
import { UnsoundError } from "../errors/index.ts";
import { ConnectionError, type StoreAccess } from "../store-access/index.ts";
import type { Progress } from "../terminal/index.ts";
import { algorithmOf } from "./digest.ts";
import { persistently } from "./patience.ts";

export interface Fetching {
  readonly access: StoreAccess;
  readonly repository: RepositoryName;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

export interface WantedBlob {
  readonly digest: Digest;
  readonly size: number;
}

const partial = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;

/** Where the bytes of a blob gather until they are whole; told apart by the digest, so that nothing else is gone on with. */
function partialPathOf(target: string, digest: Digest): string {
  return `${target}.${digest.slice(7, 19)}.partial`;
}

/**
 * Brings a blob into a file, durable and with the right digest when it resolves. Goes on where an earlier call stopped,
 * through cut connections. Until then the file of that name is what it was.
 * @throws UnsoundError when the store sends other bytes
 */
export async function fetchBlob(fetching: Fetching, blob: WantedBlob, target: string): Promise<void> {
  const { signal, progress } = fetching;
  signal.throwIfAborted();
  const path = partialPathOf(target, blob.digest);
  const handle = await open(path, partial, 0o644);
  try {
    let hash = createHash(algorithmOf(blob.digest));
    let at = await hashOf(handle, hash, signal);
    if (at > blob.size) {
      await handle.truncate(0);
      hash = createHash(algorithmOf(blob.digest));
      at = 0;
    }
    progress.advance(at, true);
    const resumed = at > 0;
    await receive(fetching, blob, handle, hash, at);
    if (`${algorithmOf(blob.digest)}:${hash.digest("hex")}` !== blob.digest) {
      await handle.truncate(0);
      progress.advance(-blob.size, true);
      // What lay there from before may have been damaged: once more from the beginning tells.
      if (!resumed) throw unsound(fetching, blob);
      const again = createHash(algorithmOf(blob.digest));
      await receive(fetching, blob, handle, again, 0);
      if (`${algorithmOf(blob.digest)}:${again.digest("hex")}` !== blob.digest) {
        await handle.truncate(0);
        throw unsound(fetching, blob);
      }
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(path, target);
  await syncFolder(dirname(target));
}

function unsound({ access, repository }: Fetching, { digest }: WantedBlob): UnsoundError {
  return new UnsoundError(
    `${access.place} sent other bytes than ${repository}@${digest} names`,
    "Run waybill store verify to see what is damaged there.",
  );
}

async function hashOf(handle: FileHandle, hash: Hash, signal: AbortSignal): Promise<number> {
  let bytes = 0;
  for await (const chunk of handle.createReadStream({ autoClose: false, start: 0, highWaterMark: 1024 * 1024 })) {
    signal.throwIfAborted();
    hash.update(chunk as Uint8Array);
    bytes += (chunk as Uint8Array).byteLength;
  }
  return bytes;
}

async function receive(
  fetching: Fetching,
  blob: WantedBlob,
  handle: FileHandle,
  hash: Hash,
  start: number,
): Promise<void> {
  const { access, repository, progress, signal } = fetching;
  let at = start;
  let before = -1;
  await persistently(
    signal,
    async () => {
      if (at === blob.size && blob.size > 0) return;
      const source = await access.content.openBlob(repository, blob.digest, at);
      try {
        for await (const chunk of source as AsyncIterable<Uint8Array>) {
          signal.throwIfAborted();
          if (at + chunk.byteLength > blob.size) throw unsound(fetching, blob);
          let written = 0;
          while (written < chunk.byteLength) {
            const { bytesWritten } = await handle.write(chunk, written, chunk.byteLength - written, at + written);
            written += bytesWritten;
          }
          hash.update(chunk);
          at += chunk.byteLength;
          progress.advance(chunk.byteLength);
        }
      } catch (error) {
        throw isDisconnected(error)
          ? new ConnectionError(`the connection to ${access.place} was cut`, "Run it again.")
          : error;
      }
      if (at < blob.size)
        throw new ConnectionError(`${access.place} ended early`, "Run it again: it goes on from there.");
    },
    () => {
      const further = at > before;
      before = at;
      return further;
    },
  );
}

function isDisconnected(error: unknown): boolean {
  if (error instanceof UserError || !(error instanceof Error) || !("code" in error)) return false;
  return error.code === "ECONNRESET" || error.code === "ERR_STREAM_PREMATURE_CLOSE" || error.code === "EPIPE";
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** A file that is there whole or not at all. */
export async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}.partial`;
  const handle = await open(fresh, "w", 0o644);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } catch (error) {
    await handle.close();
    await rm(fresh, { force: true });
    throw error;
  }
  await handle.close();
  await rename(fresh, path);
  await syncFolder(dirname(path));
}
