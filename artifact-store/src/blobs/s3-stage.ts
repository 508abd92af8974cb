import { Readable } from "node:stream";
import type { SavedHash } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { uploadKey, type BlobKey } from "./key.ts";
import type { ObjectBucket } from "./object-bucket.ts";
import { boundaryPartBytes, mostParts, partBytes } from "./part-size.ts";
import { pathOfKey } from "./s3-path.ts";
import { readRecord, sendableRecord } from "./s3-stage-record.ts";
import { Spool } from "./spool.ts";
import { stageGone } from "./stage-gone.ts";

/** While so many parts of one stage are on their way, its writer waits: what gathers on this machine stays bounded. */
const partsInFlight = 2;

function recordPath(id: string): string {
  return `stages/${id}`;
}

/**
 * One stage, as this process knows it. Bytes gather in a spool; a full one is sent as a part. At a boundary (`flush`) all
 * parts are waited for, and the record with the rest is written: from then on another process can go on.
 *
 * A stage that never grew to a part becomes a blob by one PUT under the key that its digest gives it. One with parts lies
 * under the key that it was begun with, because a multipart upload is bound to its key from the first part on.
 */
export class S3Stage {
  readonly id: string;
  readonly #bucket: ObjectBucket;
  readonly #spoolPath: () => string;
  #key: BlobKey;
  #upload: string | undefined;
  #spool: Spool;
  /** ETags by number - 1; the last ones may still be on their way. */
  readonly #parts: Promise<string>[] = [];
  #turn: Promise<void> = Promise.resolve();
  #inFlight = 0;
  #landed: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  #sentBytes = 0;
  #recorded = false;
  readonly #onlyNew: boolean;
  #sealed = false;
  #over = false;
  /** What the last boundary said, while it is still the whole truth. */
  #boundary: { readonly size: number; readonly hash: SavedHash | undefined } | undefined;

  /**
   * @param begin.key where its parts are to lie; by default under its own id
   * @param begin.onlyNew refuses at the first boundary when there is a record of this id; where the server can
   */
  constructor(
    id: string,
    bucket: ObjectBucket,
    spoolPath: () => string,
    begin: { readonly key?: BlobKey | undefined; readonly onlyNew?: boolean } = {},
  ) {
    this.id = id;
    this.#bucket = bucket;
    this.#spoolPath = spoolPath;
    this.#key = begin.key ?? uploadKey(id);
    this.#onlyNew = begin.onlyNew === true;
    this.#spool = new Spool(spoolPath());
  }

  /** Undefined when nobody promised anything of such a stage. */
  static async load(id: string, bucket: ObjectBucket, spoolPath: () => string): Promise<S3Stage | undefined> {
    const found = await bucket.get(recordPath(id));
    if (found === undefined) return undefined;
    const stage = new S3Stage(id, bucket, spoolPath);
    const record = await readRecord(found.body, (bytes) => stage.#spool.append(bytes));
    const sent = (record?.size ?? -1) - stage.#spool.size;
    if (record === undefined || record.size === undefined || sent < 0) {
      await stage.close();
      return undefined;
    }
    stage.#key = record.key;
    stage.#upload = record.upload;
    stage.#parts.push(...record.parts.map((etag) => Promise.resolve(etag)));
    stage.#sentBytes = sent;
    stage.#sealed = record.sealed;
    stage.#recorded = true;
    stage.#boundary = { size: record.size, hash: record.hash };
    return stage;
  }

  /** Gives up what a process left, which may be no more than the beginning. */
  static async dropRecorded(id: string, bucket: ObjectBucket): Promise<void> {
    const found = await bucket.get(recordPath(id));
    if (found === undefined) return;
    const record = await readRecord(found.body, () => Promise.resolve());
    found.body.destroy();
    const path = record && pathOfKey(record.key);
    if (path !== undefined) {
      // Listed, too: one whose id was never written down. A list that lags behind does not hide the other.
      const uploads = new Set(await bucket.partUploads(path));
      if (record?.upload !== undefined) uploads.add(record.upload);
      for (const upload of uploads) await bucket.dropParts(path, upload);
    }
    await bucket.remove(recordPath(id));
  }

  get size(): number {
    return this.#sentBytes + this.#spool.size;
  }

  get savedHash(): SavedHash | undefined {
    return this.#boundary?.size === this.size ? this.#boundary.hash : undefined;
  }

  /** One operation after the other: a session may be written down while its bytes come. */
  async write(chunks: readonly Uint8Array[]): Promise<void> {
    await this.#inTurn(() => this.#write(chunks));
  }

  async flush(hash: SavedHash | undefined): Promise<void> {
    await this.#inTurn(() => this.#flush(hash));
  }

  /** All bytes become the object of the stage's own key, so that they can be read. It takes no more after that. */
  async seal(): Promise<Readable> {
    return await this.#inTurn(() => this.#seal());
  }

  async commit(key: BlobKey): Promise<BlobKey> {
    return await this.#inTurn(() => this.#commit(key));
  }

  async #write(chunks: readonly Uint8Array[]): Promise<void> {
    this.#alive();
    if (this.#sealed) throw new StoreError("BLOB_UPLOAD_UNKNOWN", "this upload is complete and takes no more bytes");
    for (const chunk of chunks) {
      for (let rest = chunk; rest.byteLength > 0;) {
        const room = partBytes(this.#parts.length + 1) - this.#spool.size;
        await this.#spool.append(rest.subarray(0, room));
        rest = rest.subarray(Math.min(room, rest.byteLength));
        if (this.#spool.size >= partBytes(this.#parts.length + 1)) await this.#sendPart();
      }
    }
  }

  async #flush(hash: SavedHash | undefined): Promise<void> {
    this.#alive();
    if (this.#boundary?.size === this.size && (hash === undefined || this.#boundary.hash !== undefined)) return;
    if (this.#spool.size >= boundaryPartBytes(this.#parts.length + 1)) await this.#sendPart();
    await this.#record(hash);
  }

  async #seal(): Promise<Readable> {
    this.#alive();
    if (!this.#sealed && this.#parts.length === 0) {
      const body = this.#spool.open();
      return body instanceof Uint8Array ? Readable.from([body]) : body;
    }
    if (!this.#sealed) {
      await this.#complete();
      const hash = this.savedHash;
      this.#sealed = true;
      await this.#record(hash);
    }
    const found = await this.#bucket.get(pathOfKey(this.#key));
    if (found === undefined) throw stageGone();
    return found.body;
  }

  async #commit(key: BlobKey): Promise<BlobKey> {
    this.#alive();
    const isSmall = !this.#sealed && this.#parts.length === 0;
    if (isSmall) await this.#bucket.put(pathOfKey(key), this.#spool);
    else if (!this.#sealed) await this.#complete();
    this.#over = true;
    // Its end is decided; a record that stays is a stage that nobody owns, which the sweep finds.
    if (this.#recorded) await this.#bucket.remove(recordPath(this.id)).catch(() => undefined);
    await this.close();
    return isSmall ? key : this.#key;
  }

  /** Gives up parts and record; what was committed stays. */
  async drop(): Promise<void> {
    this.#over = true;
    await Promise.allSettled(this.#parts);
    if (this.#upload !== undefined) await this.#bucket.dropParts(pathOfKey(this.#key), this.#upload);
    if (this.#recorded) await this.#bucket.remove(recordPath(this.id));
    await this.close();
  }

  /** Forgets what came since the last boundary. It must be loaded anew to go on. */
  async close(): Promise<void> {
    this.#over = true;
    await Promise.allSettled(this.#parts);
    await this.#spool.remove();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  #alive(): void {
    if (this.#over) throw stageGone();
  }

  async #sendPart(): Promise<void> {
    const number = this.#parts.length + 1;
    if (number > mostParts) {
      throw new StoreError(
        "TOO_LARGE",
        `S3 takes no more than ${mostParts} parts: send this blob in fewer, larger pieces`,
      );
    }
    if (this.#upload === undefined) {
      // The record first: an upload in parts that nobody can find costs its owner money for ever.
      if (!this.#recorded) await this.#writeRecord({ size: undefined, hash: undefined });
      this.#upload = await this.#bucket.beginParts(pathOfKey(this.#key));
    }
    const full = this.#spool;
    this.#spool = new Spool(this.#spoolPath());
    this.#sentBytes += full.size;
    const part = this.#send(this.#upload, number, full);
    part.catch(() => undefined); // met at the next boundary
    this.#parts.push(part);
    while (this.#inFlight >= partsInFlight) await (this.#landed ??= Promise.withResolvers<void>()).promise;
  }

  async #send(upload: string, number: number, full: Spool): Promise<string> {
    this.#inFlight++;
    try {
      const etag = await this.#bucket.putPart(pathOfKey(this.#key), upload, number, full);
      if (etag === undefined) throw stageGone();
      return etag;
    } finally {
      this.#inFlight--;
      await full.remove();
      this.#landed?.resolve();
      this.#landed = undefined;
    }
  }

  async #complete(): Promise<void> {
    if (this.#spool.size > 0) await this.#sendPart();
    const etags = await Promise.all(this.#parts);
    const parts = etags.map((etag, index) => ({ number: index + 1, etag }));
    const path = pathOfKey(this.#key);
    await this.#bucket.completeParts(path, this.#upload ?? "", parts);
    // Nobody but us compares what the server put together with what was sent. An upload that is not there any more may have
    // been completed by an earlier try without our hearing of it, also one of a process that was killed then.
    if ((await this.#bucket.size(path)) !== this.#sentBytes) throw stageGone();
  }

  async #record(hash: SavedHash | undefined): Promise<void> {
    const { size } = this;
    await this.#writeRecord({ size, hash });
    this.#boundary = { size, hash };
  }

  async #writeRecord(boundary: {
    readonly size: number | undefined;
    readonly hash: SavedHash | undefined;
  }): Promise<void> {
    const parts = this.#sealed ? [] : await Promise.all(this.#parts);
    const isBegun = boundary.size === undefined;
    const record = { ...boundary, key: this.#key, upload: this.#upload, parts, sealed: this.#sealed };
    const tail = isBegun ? { size: 0, open: () => new Uint8Array() } : this.#spool;
    const onlyNew = this.#onlyNew && !this.#recorded;
    const made = await this.#bucket.put(recordPath(this.id), sendableRecord(record, tail), onlyNew);
    if (!made) throw new StoreError("UPLOAD_BUSY", "an upload of this id is there already");
    this.#recorded = true;
  }
}
