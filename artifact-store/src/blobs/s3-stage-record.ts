import { Readable } from "node:stream";
import { digestAlgorithms, type SavedHash } from "../digest/index.ts";
import { parseBlobKey, type BlobKey } from "./key.ts";
import type { Sendable } from "./object-bucket.ts";

/** What must be known to go on with a stage in another process: one object, written at each boundary, whole or not at all. */
export interface StageRecord {
  /** Undefined: only begun, so that its upload in parts can be found and given up; nothing was promised. */
  readonly size: number | undefined;
  /** Where the parts go. */
  readonly key: BlobKey;
  readonly upload: string | undefined;
  /** ETags of the parts, in order. */
  readonly parts: readonly string[];
  /** All bytes are the object `key` already. */
  readonly sealed: boolean;
  /** The digest of the first `size` bytes. */
  readonly hash: SavedHash | undefined;
}

const title = "waybill-stage 1\n";
const longestHeader = 4 * 1024 * 1024;

/** The record, and behind it the bytes that are no part yet. */
export function sendableRecord(record: StageRecord, tail: Sendable): Sendable {
  const { hash } = record;
  const saved = hash && { algorithm: hash.algorithm, state: Buffer.from(hash.state).toString("base64") };
  const header = Buffer.from(`${title}${JSON.stringify({ ...record, hash: saved })}\n`);
  return {
    size: header.byteLength + tail.size,
    open() {
      const body = tail.open();
      if (body instanceof Uint8Array) return Buffer.concat([header, body]);
      const both = async function* (): AsyncGenerator<Uint8Array> {
        yield header;
        for await (const chunk of body) yield chunk as Uint8Array;
      };
      return Readable.from(both(), { objectMode: false });
    },
  };
}

/**
 * Reads what `sendableRecord` wrote; the tail goes to `keep` in pieces. Undefined for anything else: whoever may write in
 * the bucket may write nonsense there.
 */
export async function readRecord(
  body: AsyncIterable<Uint8Array>,
  keep: (bytes: Uint8Array) => Promise<void>,
): Promise<StageRecord | undefined> {
  let header = Buffer.alloc(0);
  let record: StageRecord | undefined;
  for await (const chunk of body) {
    if (record !== undefined) {
      await keep(chunk);
      continue;
    }
    header = Buffer.concat([header, chunk]);
    const end = header.indexOf("\n", title.length);
    if (end === -1 && header.byteLength < longestHeader) continue;
    record = end === -1 ? undefined : parse(header.toString("utf8", 0, end));
    if (record === undefined) return undefined;
    await keep(header.subarray(end + 1));
  }
  return record;
}

function parse(text: string): StageRecord | undefined {
  if (!text.startsWith(title)) return undefined;
  let found: Partial<Record<keyof StageRecord, unknown>>;
  try {
    found = JSON.parse(text.slice(title.length)) as Partial<Record<keyof StageRecord, unknown>>;
  } catch {
    return undefined;
  }
  const { size, upload, parts, sealed } = found;
  const key = typeof found.key === "string" ? parseBlobKey(found.key) : undefined;
  const isSize = size === undefined || (typeof size === "number" && Number.isSafeInteger(size) && size >= 0);
  const arePartsFine = Array.isArray(parts) && parts.every((part) => typeof part === "string");
  if (key === undefined || !isSize || !arePartsFine || typeof sealed !== "boolean") return undefined;
  if (upload !== undefined && typeof upload !== "string") return undefined;
  return { size, key, upload, parts: parts as string[], sealed, hash: hashOf(found.hash) };
}

function hashOf(found: unknown): SavedHash | undefined {
  const { algorithm, state } = (found ?? {}) as { algorithm?: unknown; state?: unknown };
  const known = digestAlgorithms.find((one) => one === algorithm);
  return known === undefined || typeof state !== "string"
    ? undefined
    : { algorithm: known, state: Buffer.from(state, "base64") };
}
