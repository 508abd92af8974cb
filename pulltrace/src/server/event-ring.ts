import { randomBytes } from "node:crypto";
import type { PullEvent } from "../contract/index.ts";
import type { Emission } from "./emission.ts";
import { viewFor } from "./pods/index.ts";

export interface EventRing {
  append(emission: Emission): void;
  /** They are numbered 1, 2, 3… without gaps within a run of the server; undefined when it is not there (any more). */
  entry(number: number): Emission | undefined;
  /** The whole SSE message of an entry, blank line included, as a reader sees it who is bound to the tenant. */
  frameOf(number: number, event: PullEvent, boundTo?: string): string;
  /** Number of the newest event; 0 before the first. */
  newest(): number;
  /** Number of the oldest event kept; `newest() + 1` when there is none. */
  oldest(): number;
  /** `<run>-<number>`: an id of another run of the server is told from one of this. */
  idOf(number: number): string;
  /** The number in an id from which a reader can go on without a gap; undefined when events after it are gone. */
  resumable(id: string): number | undefined;
}

/**
 * Roughly what an event adds in memory, in bytes: itself and its new pull or layer. The layers of a pull are those of
 * its own events or of the pull before.
 */
function bytesOf({ pull, layer }: PullEvent): number {
  const ofLayer = layer === undefined ? 0 : 400 + layer.mediaType.length;
  const ofPull = pull === undefined ? 0 : 900 + 16 * pull.layers.length + (pull.error?.length ?? 0);
  return 200 + ofLayer + ofPull;
}

/**
 * The last events, in order, bounded in number and (roughly) in bytes. Older ones make room. They are kept as they
 * are and not as text: where nobody reads them, nothing is encoded.
 */
export function createEventRing(limits: { readonly ringEvents: number; readonly ringBytes: number }): EventRing {
  const run = randomBytes(6).toString("hex");
  const slots: (Emission | undefined)[] = [];
  let newest = 0;
  let oldest = 1;
  let bytes = 0;

  const entry = (number: number): Emission | undefined =>
    number < oldest || number > newest ? undefined : slots[number % limits.ringEvents];
  const dropOldest = (): void => {
    const last = entry(oldest);
    if (last !== undefined) bytes -= bytesOf(last.event);
    slots[oldest % limits.ringEvents] = undefined;
    oldest += 1;
  };
  const makeRoom = (): void => {
    while (bytes > limits.ringBytes) {
      // The newest stays even when it is larger than the whole ring.
      if (oldest === newest) return;
      dropOldest();
    }
  };

  return {
    append(emission) {
      const number = newest + 1;
      if (number - oldest >= limits.ringEvents) dropOldest();
      slots[number % limits.ringEvents] = emission;
      newest = number;
      bytes += bytesOf(emission.event);
      makeRoom();
    },
    entry,
    // JSON has no line breaks, so one data field holds it.
    frameOf(number, event, boundTo) {
      const shown = event.pull === undefined ? event : { ...event, pull: viewFor(boundTo, event.pull) };
      return `id: ${run}-${number}\ndata: ${JSON.stringify(shown)}\n\n`;
    },
    newest: () => newest,
    oldest: () => oldest,
    idOf: (number) => `${run}-${number}`,
    resumable(id) {
      const match = /^([0-9a-f]{1,32})-(\d{1,16})$/.exec(id);
      const number = Number(match?.[2]);
      return match?.[1] === run && number <= newest && number + 1 >= oldest ? number : undefined;
    },
  };
}
