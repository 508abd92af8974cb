import { encodeFrames, type StreamEncoding } from "@waybill/foundation/http";
import type { EventRing } from "./event-ring.ts";
import { isVisible, type ReaderFilter } from "./reader-filter.ts";

/** What decides which bytes a client gets. */
export interface ChunkReader {
  readonly filter: ReaderFilter;
  /** `filterKey` of it. */
  readonly filterKey: string;
  readonly encoding: StreamEncoding;
}

/** Events of the ring as bytes for all clients with the same filter and encoding. */
export interface EventChunk {
  /** Undefined when the filter passes all of it over. */
  readonly bytes: Buffer | undefined;
  /** Number of the last event that was looked at. */
  readonly upTo: number;
  /** Number of the last event that is in it. */
  readonly last: number;
}

export interface EventChunks {
  /** What comes after `position`, which is not the newest. */
  after(position: number, reader: ChunkReader): EventChunk;
  /** No client that is connected still has to get what stands up to this number. */
  passed(position: number): void;
}

/**
 * Chunks end at multiples of this number. Clients that fell behind at different moments stand at the same places again
 * with their next chunk, so that being slow does not cost an encoding of its own for each of them.
 */
const chunkEvents = 128;
const chunkCharacters = 256 * 1024;
/** What was encoded lately is kept for those who come to that place later: less of it when all have passed it. */
const keptBytes = 16 * 1024 * 1024;
/** A second of 5,000 nodes. Readers of everything who are apart by more than what is kept each cost an encoding of it all. */
const keptForClientsBytes = 64 * 1024 * 1024;
const keptChunks = 4_096;

export function createEventChunks(ring: EventRing): EventChunks {
  const kept = new Map<string, EventChunk>();
  let bytesKept = 0;
  let passedBy = 0;

  const encode = (position: number, { filter, encoding }: ChunkReader): EventChunk => {
    const frames: string[] = [];
    let characters = 0;
    let last = position;
    let number = position;
    do {
      number += 1;
      const entry = ring.entry(number);
      if (entry === undefined || !isVisible(filter, entry)) continue;
      const frame = ring.frameOf(number, entry.event, filter.boundTo);
      frames.push(frame);
      characters += frame.length;
      last = number;
    } while (number < ring.newest() && number % chunkEvents !== 0 && characters < chunkCharacters);
    return { bytes: frames.length === 0 ? undefined : encodeFrames(frames.join(""), encoding), upTo: number, last };
  };
  const keep = (key: string, chunk: EventChunk): void => {
    kept.set(key, chunk);
    bytesKept += chunk.bytes?.length ?? 0;
    for (const [oldest, { bytes, upTo }] of kept) {
      const most = upTo > passedBy ? keptForClientsBytes : keptBytes;
      if (bytesKept <= most && kept.size <= keptChunks) return;
      kept.delete(oldest);
      bytesKept -= bytes?.length ?? 0;
    }
  };

  return {
    after(position, reader) {
      // The end belongs to the name: what ended at the newest event then goes on by now.
      const end = Math.min(ring.newest(), (Math.floor(position / chunkEvents) + 1) * chunkEvents);
      const key = `${position} ${end} ${reader.encoding} ${reader.filterKey}`;
      let chunk = kept.get(key);
      if (chunk === undefined) keep(key, (chunk = encode(position, reader)));
      return chunk;
    },
    passed(position) {
      passedBy = position;
    },
  };
}
