import { crc32 } from "node:zlib";
import { encodeFrames } from "@waybill/foundation/http";
import type { PullList, PullStatus } from "../contract/index.ts";

/** A list as it goes over the wire: made piece by piece, each once, for all who read it. */
export interface ListBody {
  /** How many pulls are in it. */
  readonly pulls: number;
  stream(gzip: boolean): ReadableStream<Uint8Array>;
  /** Milliseconds that making it has taken until now. */
  tookMs(): number;
}

const pullsPerPiece = 200;
/** RFC 1952, section 2.3. */
const gzipHead = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
/** RFC 1951: an empty last block. */
const lastBlock = Buffer.from([3, 0]);

/** Tens of thousands of pulls are never one string in memory. */
export function createListBody(pulls: readonly PullStatus[], rest: Omit<PullList, "pulls">): ListBody {
  const count = Math.max(1, Math.ceil(pulls.length / pullsPerPiece));
  const plain: Buffer[] = [];
  const packed: Buffer[] = [];
  let tookMs = 0;

  const pieceAt = (index: number): Buffer => {
    const known = plain[index];
    if (known !== undefined) return known;
    const begun = performance.now();
    const text = pulls
      .slice(index * pullsPerPiece, (index + 1) * pullsPerPiece)
      .map((pull) => JSON.stringify(pull))
      .join(",");
    const opening = index === 0 ? '{"pulls":[' : ",";
    const ending = index === count - 1 ? `],${JSON.stringify(rest).slice(1)}` : "";
    const piece = Buffer.from(`${opening}${text}${ending}`);
    plain[index] = piece;
    tookMs += performance.now() - begun;
    return piece;
  };
  const packedAt = (index: number): Buffer => {
    const known = packed[index];
    if (known !== undefined) return known;
    const piece = pieceAt(index);
    const begun = performance.now();
    const parts = [encodeFrames(piece, "gzip")];
    if (index === 0) parts.unshift(gzipHead);
    if (index === count - 1) parts.push(lastBlock, trailer());
    packed[index] = Buffer.concat(parts);
    tookMs += performance.now() - begun;
    return packed[index];
  };
  const trailer = (): Buffer => {
    const bytes = Buffer.alloc(8);
    let sum = 0;
    let length = 0;
    for (let index = 0; index < count; index += 1) {
      const piece = pieceAt(index);
      sum = crc32(piece, sum);
      length += piece.length;
    }
    bytes.writeUInt32LE(sum, 0);
    bytes.writeUInt32LE(length % 2 ** 32, 4);
    return bytes;
  };

  return {
    pulls: pulls.length,
    tookMs: () => tookMs,
    stream(gzip) {
      let next = 0;
      return new ReadableStream({
        pull(controller) {
          controller.enqueue(gzip ? packedAt(next) : pieceAt(next));
          next += 1;
          if (next === count) controller.close();
        },
      });
    },
  };
}

/** A shorter list is made anew for each, however slow the machine is at the moment. */
const worthSharingPulls = 5_000;
const longestSharedMs = 2_000;

/**
 * Lists for many who ask in the same moment, as after a restart: a long one is given to others, too, for ten times as
 * long as it took to make. It says up to which event it goes, so a reader who follows from there misses nothing.
 */
export function createListSharing(now: () => number = () => performance.now()) {
  const kept = new Map<string, { readonly body: ListBody; readonly madeAt: number; readonly baseMs: number }>();
  let forget: NodeJS.Timeout | undefined;
  return {
    /** @param key of the reader's filter: who has the same sees the same. */
    get(key: string, make: () => ListBody): ListBody {
      const known = kept.get(key);
      if (known !== undefined) {
        const cost = known.baseMs + known.body.tookMs();
        const shared =
          known.body.pulls >= worthSharingPulls && now() - known.madeAt < Math.min(longestSharedMs, 10 * cost);
        if (shared) return known.body;
      }
      const begun = now();
      const body = make();
      kept.delete(key);
      kept.set(key, { body, madeAt: begun, baseMs: now() - begun });
      const [oldest] = kept.keys();
      if (kept.size > 8 && oldest !== undefined) kept.delete(oldest);
      clearTimeout(forget);
      forget = setTimeout(() => kept.clear(), longestSharedMs);
      forget.unref();
      return body;
    },
    close(): void {
      clearTimeout(forget);
      kept.clear();
    },
  };
}
