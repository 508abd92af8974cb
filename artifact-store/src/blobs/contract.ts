import type { Readable, Writable } from "node:stream";
import type { SavedHash } from "../digest/index.ts";
import type { BlobKey } from "./key.ts";

/** Bytes `start` to `end`, both inclusive, `0 <= start <= end < size`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** An unfinished write, as the sweep sees it. */
export interface Stage {
  readonly id: string;
  /** Milliseconds since 1970 of the last byte that is safe there. */
  readonly modifiedAt: number;
}

/** A blob's bytes as a sweep or an audit sees them, whether or not anybody names them. */
export interface StoredBlob {
  readonly key: BlobKey;
  readonly size: number;
  /** Milliseconds since 1970 of the commit that put them there, or a little later. */
  readonly storedAt: number;
}

/** Into so many parts a backend divides its blobs for those who look through all of them. */
export const shardCount = 256;

/** Appends to one stage; at most one at a time per stage. */
export interface StageWriter {
  /** Bytes in the stage; also what others appended to it meanwhile. */
  size(): Promise<number>;
  /** Appends the chunks in order. When it rejects, a prefix of them may have been written: ask for the size. */
  write(chunks: readonly Uint8Array[]): Promise<void>;
  /**
   * Makes everything written so far survive the end of this process. `hash` is the running digest of exactly these bytes,
   * for backends that cannot read a stage again (`rereadsStages`); others ignore it.
   */
  flush(hash?: SavedHash): Promise<void>;
  /** What the last `flush` was given; undefined when bytes came since, or the backend rereads stages. */
  savedHash(): Promise<SavedHash | undefined>;
  /**
   * Makes the stage a blob, and answers the key under which its bytes lie: `key`, unless the place had to be chosen before
   * the digest was known (bytes are never copied afterwards). The caller has verified its bytes. When it resolves the blob is durable
   * (it survives a loss of power) and whole for every reader; before, no reader sees anything of it. A blob of this
   * key that is there already is replaced by these bytes, so that a damaged one heals and the work done, and with it
   * the time taken, is the same whether it was there or not. Closes the writer, also when it rejects:
   * BLOB_UPLOAD_UNKNOWN when the stage is gone.
   */
  commit(key: BlobKey): Promise<BlobKey>;
  /**
   * Lets go of the stage; what came since the last `flush` may be gone then. Safe to call twice, and after `commit`. Rejects when bytes that `write` took were lost by the medium since: the stage
   * is then worth nothing and must be dropped.
   */
  close(): Promise<void>;
}

/**
 * One open blob. On a file system it stays readable to the end even when the blob is removed meanwhile; elsewhere its stream
 * fails then, and is never just short. The lease that a reader gets makes that a matter of hours.
 */
export interface BlobReader {
  readonly size: number;
  /** All of its bytes, where they are in memory already: for who can send them at once. Not to be written to or transferred. */
  readonly held?: Uint8Array;
  /** The bytes of a range, or all. Errors on the stream when the medium fails. Closes the reader in the end. */
  stream(range?: ByteRange): Readable;
  /**
   * Writes the bytes of a range, or all, to `destination` at the speed it takes them, without ending it, and with memory
   * that does not depend on the size. Resolves when the last byte was handed over; rejects when `destination` closes
   * before. Closes the reader in the end. The memory of a chunk is used again after its write callback: right for
   * sockets, files and HTTP responses; for a `PassThrough`, which still holds the chunk then, use `stream`.
   */
  copyTo(destination: Writable, range?: ByteRange): Promise<void>;
  close(): Promise<void>;
}

/**
 * A place for bytes. A write goes through a stage: begun, appended to any number of times, also after a restart, and
 * committed under its digest or dropped. Ids of stages are UUIDs chosen by the caller.
 *
 * Writing rejects with `StoreError STORAGE_FULL` when the medium has no room. All methods reject with `STORAGE_UNAVAILABLE`
 * when the place does not answer now, and the same again later is right; with `STORAGE_REFUSED` when somebody has to do
 * something first. Dropping and removing what is not there, and asking again, do no harm; of a write that rejected nobody knows
 * how much arrived: ask for the size.
 */
export interface BlobBackend {
  /** Where it is, for people: a path, or an address without secrets. */
  readonly place: string;
  /** Whether `readStage` costs nothing but a reading, so that nobody needs to save running digests. */
  readonly rereadsStages: boolean;
  /** Whether other machines reach the same place: a lock in a local folder keeps nobody out there. */
  readonly shared: boolean;
  /** After so many bytes of one long write a `flush` is worth its price; undefined: each write survives by itself. */
  readonly flushEveryBytes: number | undefined;
  /**
   * Begins an empty stage, and its writer. Rejects when the id is taken, at the latest at the first `flush`.
   * @param key where the bytes are to lie if the place has to be chosen before `commit` names one
   */
  beginStage(id: string, key?: BlobKey): Promise<StageWriter>;
  /** A writer that appends at the stage's end. Rejects with BLOB_UPLOAD_UNKNOWN when there is no such stage. */
  writeStage(id: string): Promise<StageWriter>;
  /** Bytes in the stage, undefined when there is none. Whatever a write acknowledged is counted, also after a crash. */
  stageSize(id: string): Promise<number | undefined>;
  /** The stage's bytes from the start, to digest them anew. Where `rereadsStages` is false this may cost much. */
  readStage(id: string): Readable;
  /** Forgets a stage. Resolves also when there is none. */
  dropStage(id: string): Promise<void>;
  /** Every stage, in no order; one that has a writer in this process may be missing. */
  stages(): AsyncIterable<Stage>;
  /**
   * Undefined when there is no such blob. Who reads all of it first to see whether it is what its key says rejects with
   * BLOB_DAMAGED when it is not; others leave that to the reader.
   */
  openBlob(key: BlobKey): Promise<BlobReader | undefined>;
  /** Size in bytes, undefined when there is no such blob. */
  blobSize(key: BlobKey): Promise<number | undefined>;
  /** Removes a blob, durably. Resolves also when there is none. */
  removeBlob(key: BlobKey): Promise<void>;
  /**
   * Every blob of `count` parts, from part `first` on, `0 <= first`, `first + count <= shardCount`, in no order; one that
   * comes or goes meanwhile may be missing. Many parts at once cost less than each by itself.
   */
  blobs(first: number, count?: number): AsyncIterable<StoredBlob>;
  /** Whether there is no blob at all. For the first meeting of a place with a catalog. */
  isEmpty(): Promise<boolean>;
  /** The text that `identify` left in this place. */
  identity(): Promise<string | undefined>;
  /** Writes the text by which this place is known again, durably. @param before what `identity` answered: of two at once one fails where that can be told */
  identify(text: string, before: string | undefined): Promise<void>;
  /** Rejects when the place cannot be written to now. */
  check(): Promise<void>;
  /** Lets go of what is held open, after the last call has resolved. */
  close(): Promise<void>;
}
