import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { SavedHash } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import type { BlobBackend, BlobReader, Stage, StageWriter, StoredBlob } from "./contract.ts";
import { isStageId, shardNames, type BlobKey } from "./key.ts";
import { describeLocation, type BucketLocation } from "./location.ts";
import { ObjectBucket, type BucketOptions, type Sendable } from "./object-bucket.ts";
import { S3Stage } from "./s3-stage.ts";
import { blobsPath, keyOfPath, pathOfKey } from "./s3-path.ts";
import { S3Reader } from "./s3-reader.ts";
import { stageGone } from "./stage-gone.ts";

const identityPath = "store.id";
const probePath = "probe";

/** Longer than anybody takes from seeing a place without a name to naming it. */
const rivalMs = 1000;

/** A long write is safe up to its last 64 MiB when the process is killed. */
const flushEveryBytes = 64 * 1024 * 1024;

/**
 * Blobs as objects:
 *
 * ```text
 * <prefix>blobs/<two digits>/sha256-<hex>[.<16>]   written when its digest was known
 * <prefix>blobs/<two digits>/upload-<uuid>         written in parts; the catalog knows its digest
 * <prefix>stages/<uuid>                            records of unfinished stages, with the bytes that are no part yet
 * <prefix>store.id, <prefix>probe                  the name of this place; the last check that it can be written to
 * ```
 *
 * Nothing is copied or listed on the way of a push or a pull. Lists serve the sweep and the collection alone, which act
 * on what they see and never on what they do not: one that lags behind only delays them.
 */
class S3Backend implements BlobBackend {
  readonly place: string;
  readonly rereadsStages = false;
  readonly shared = true;
  readonly flushEveryBytes = flushEveryBytes;
  readonly #bucket: ObjectBucket;
  readonly #spools: string;
  /** Stages that have a writer in this process. */
  readonly #live = new Map<string, { readonly stage: S3Stage; writers: number }>();
  #honoursConditions = false;

  constructor(bucket: ObjectBucket, spools: string) {
    this.place = describeLocation(bucket.location);
    this.#bucket = bucket;
    this.#spools = spools;
  }

  async open(): Promise<void> {
    await mkdir(this.#spools, { recursive: true });
    await this.check();
    // There is one now: who writes a second one is honest about conditions.
    this.#honoursConditions = !(await this.#bucket.put(probePath, empty, true));
  }

  // Async, so that a bad id rejects.
  // oxlint-disable-next-line typescript/require-await
  async beginStage(id: string, key?: BlobKey): Promise<StageWriter> {
    checkStageId(id);
    if (this.#live.has(id)) throw new StoreError("UPLOAD_BUSY", "an upload of this id is there already");
    return this.#writer(new S3Stage(id, this.#bucket, this.#spoolPath, { key, onlyNew: this.#honoursConditions }));
  }

  async writeStage(id: string): Promise<StageWriter> {
    checkStageId(id);
    const known = this.#live.get(id)?.stage ?? (await S3Stage.load(id, this.#bucket, this.#spoolPath));
    if (known === undefined) throw stageGone();
    // Somebody else may have loaded it meanwhile: there is one of each in a process.
    const first = this.#live.get(id)?.stage ?? known;
    if (first !== known) await known.close();
    return this.#writer(first);
  }

  async stageSize(id: string): Promise<number | undefined> {
    checkStageId(id);
    const live = this.#live.get(id)?.stage;
    if (live !== undefined) return live.size;
    const stage = await S3Stage.load(id, this.#bucket, this.#spoolPath);
    const size = stage?.size;
    await stage?.close();
    return size;
  }

  readStage(id: string): Readable {
    const bytes = async function* (backend: S3Backend): AsyncGenerator<Uint8Array> {
      const writer = await backend.#loaded(id);
      try {
        for await (const chunk of await writer.stage.seal()) yield chunk as Uint8Array;
      } finally {
        await writer.release();
      }
    };
    return Readable.from(bytes(this), { objectMode: false });
  }

  async dropStage(id: string): Promise<void> {
    checkStageId(id);
    const live = this.#live.get(id);
    this.#live.delete(id);
    if (live !== undefined) {
      await live.stage.drop();
      return;
    }
    await S3Stage.dropRecorded(id, this.#bucket);
  }

  async *stages(): AsyncGenerator<Stage> {
    for await (const { name, modifiedAt } of this.#bucket.list("stages/")) {
      if (isStageId(name) && !this.#live.has(name)) yield { id: name, modifiedAt };
    }
  }

  async openBlob(key: BlobKey): Promise<BlobReader | undefined> {
    const path = pathOfKey(key);
    const whole = await this.#bucket.get(path);
    return whole && new S3Reader(this.#bucket, path, whole);
  }

  async blobSize(key: BlobKey): Promise<number | undefined> {
    return await this.#bucket.size(pathOfKey(key));
  }

  async removeBlob(key: BlobKey): Promise<void> {
    await this.#bucket.remove(pathOfKey(key));
  }

  async *blobs(first: number, count = 1): AsyncGenerator<StoredBlob> {
    const shards = shardNames(first, count);
    const [from = "", to = ""] = [shards[0], shards.at(-1)];
    for await (const { name, size, modifiedAt } of this.#bucket.list(blobsPath, from)) {
      const { shard, key } = keyOfPath(name);
      if (shard > to) return;
      if (key !== undefined) yield { key, size, storedAt: modifiedAt };
    }
  }

  async isEmpty(): Promise<boolean> {
    for await (const { name } of this.#bucket.list(blobsPath)) return name === undefined;
    return true;
  }

  async identity(): Promise<string | undefined> {
    const found = await this.#bucket.get(identityPath);
    if (found === undefined) return undefined;
    let text = "";
    for await (const chunk of found.body) {
      text += (chunk as Buffer).toString("utf8");
      if (text.length > 1000) break;
    }
    return text.trim();
  }

  async identify(text: string, before: string | undefined): Promise<void> {
    const body = sendable(Buffer.from(`${text}\n`));
    const onlyNew = before === undefined && this.#honoursConditions;
    const made = await this.#bucket.put(identityPath, body, onlyNew);
    // Without conditions two that come at once both write: the last one wins, and the other one sees it here.
    const mayHaveRival = before === undefined && !this.#honoursConditions;
    if (mayHaveRival) await sleep(rivalMs);
    // A first attempt whose answer was lost looks like somebody else's.
    if ((made && !mayHaveRival) || (await this.identity()) === text) return;
    throw new StoreError("STORAGE_REFUSED", `${this.place} was given to another store at this moment`);
  }

  async check(): Promise<void> {
    await this.#bucket.put(probePath, empty);
  }

  async close(): Promise<void> {
    const stages = [...this.#live.values()];
    this.#live.clear();
    for (const { stage } of stages) await stage.close();
    this.#bucket.close();
  }

  readonly #spoolPath = (): string => join(this.#spools, randomUUID());

  async #loaded(id: string): Promise<{ readonly stage: S3Stage; release(): Promise<void> }> {
    await (await this.writeStage(id)).size();
    const entry = this.#live.get(id);
    if (entry === undefined) throw stageGone();
    return { stage: entry.stage, release: () => this.#release(entry.stage) };
  }

  #writer(stage: S3Stage): StageWriter {
    const entry = this.#live.get(stage.id) ?? { stage, writers: 0 };
    entry.writers++;
    this.#live.set(stage.id, entry);
    let isOpen = true;
    const close = async (): Promise<void> => {
      if (!isOpen) return;
      isOpen = false;
      await this.#release(stage);
    };
    return {
      size: () => Promise.resolve(stage.size),
      write: (chunks) => stage.write(chunks),
      flush: (hash?: SavedHash) => stage.flush(hash),
      savedHash: () => Promise.resolve(stage.savedHash),
      commit: async (key) => {
        try {
          return await stage.commit(key);
        } finally {
          await close();
        }
      },
      close,
    };
  }

  async #release(stage: S3Stage): Promise<void> {
    const entry = this.#live.get(stage.id);
    if (entry?.stage !== stage || --entry.writers > 0) return;
    this.#live.delete(stage.id);
    await stage.close();
  }
}

const empty = sendable(new Uint8Array());

function sendable(bytes: Uint8Array): Sendable {
  return { size: bytes.byteLength, open: () => bytes };
}

function checkStageId(id: string): void {
  if (!isStageId(id)) throw new StoreError("BLOB_UPLOAD_UNKNOWN", "an upload's id is a UUID");
}

/**
 * @param options.spools a folder on this machine for parts on their way; made when it is not there
 * @throws StoreError STORAGE_REFUSED, STORAGE_UNAVAILABLE when the bucket cannot be written to
 */
export async function openS3Backend(
  location: BucketLocation,
  options: BucketOptions & { readonly spools: string },
): Promise<BlobBackend> {
  const bucket = await ObjectBucket.open(location, options);
  const backend = new S3Backend(bucket, options.spools);
  try {
    await backend.open();
  } catch (error) {
    bucket.close();
    throw error;
  }
  return backend;
}
