import { encodeFrames, type StreamEncoding } from "@waybill/foundation/http";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSharedStream, newPlace } from "./shared-stream.ts";

const encodings: readonly StreamEncoding[] = ["identity", "gzip"];
const frames = fc.array(
  fc
    .record({ a: fc.string({ maxLength: 40 }), b: fc.nat() })
    .map((value) => `id: r-1\ndata: ${JSON.stringify(value)}\n\n`),
  { minLength: 1, maxLength: 8 },
);

describe.each(encodings)("a stream that many clients get, %s", (encoding) => {
  const heartbeat = encodeFrames(": \n\n", encoding);
  /** A client's bytes: heartbeats before the messages that it names, cut into pieces. */
  const piecesFor = (messages: readonly Buffer[], beats: readonly number[], sizes: readonly number[]): Buffer[] => {
    const parts = messages.flatMap((message, at) => (beats.includes(at) ? [heartbeat, message] : [message]));
    const all = Buffer.concat(beats.includes(messages.length) ? [...parts, heartbeat] : parts);
    const pieces: Buffer[] = [];
    for (let from = 0, next = 0; from < all.length; next += 1) {
      const size = sizes[next % sizes.length] ?? 1;
      pieces.push(all.subarray(from, from + size));
      from += size;
    }
    return pieces;
  };
  const client = fc.record({
    beats: fc.uniqueArray(fc.nat(8), { maxLength: 4 }),
    sizes: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 }),
  });

  it("is the same for all, wherever each of them heard a heartbeat and however it was cut", () => {
    fc.assert(
      fc.property(
        frames,
        fc.array(client, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(3)),
        (texts, clients, turns) => {
          const messages = texts.map((text) => encodeFrames(text, encoding));
          const fresh: Buffer[] = [];
          const stream = createSharedStream({ heartbeat, windowBytes: 65_536, onFresh: (bytes) => fresh.push(bytes) });
          const readers = clients.map(({ beats, sizes }) => ({
            place: newPlace(),
            left: piecesFor(messages, beats, sizes),
          }));
          const taken: boolean[] = [];
          // In the order of the turns, then each to its end.
          for (const turn of [...turns, ...readers.flatMap(({ left }, at) => left.map(() => at))]) {
            const reader = readers[turn % readers.length];
            const piece = reader?.left.shift();
            taken.push(reader === undefined || piece === undefined || stream.take(reader.place, piece));
          }
          expect(taken).not.toContain(false);
          expect(Buffer.concat(fresh)).toEqual(Buffer.concat(messages));
          for (const { place } of readers) expect(place.offset).toBe(stream.length());
        },
      ),
    );
  });

  it("is not the same for a client with another byte, or without one", () => {
    const messages = ["one", "two", "three"].map((text) => encodeFrames(`id: r-1\ndata: ${text}\n\n`, encoding));
    const all = Buffer.concat(messages);
    for (let at = 0; at < all.length - 1; at += 1) {
      const stream = createSharedStream({ heartbeat, windowBytes: 1_024, onFresh: () => undefined });
      expect(stream.take(newPlace(), all)).toBe(true);
      const changed = Buffer.from(all);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(stream.take(newPlace(), changed)).toBe(false);
    }
  });
});
