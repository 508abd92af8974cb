import { randomBytes } from "node:crypto";
import type { Emission } from "./emission.ts";

/** An event as it goes over the wire, encoded once for everybody. */
export interface RingEntry {
  /** 1, 2, 3… without gaps within a run of the server. */
  readonly number: number;
  readonly nodeName: string;
  readonly tenant?: string;
  /** The whole SSE message, blank line included. */
  readonly frame: string;
}

export interface EventRing {
  append(emission: Emission): void;
  entry(number: number): RingEntry | undefined;
  /** Number of the newest event; 0 before the first. */
  newest(): number;
  /** Number of the oldest event kept; `newest() + 1` when there is none. */
  oldest(): number;
  /** `<run>-<number>`: an id of another run of the server is told from one of this. */
  idOf(number: number): string;
  /** The number in an id from which a reader can go on without a gap; undefined when events after it are gone. */
  resumable(id: string): number | undefined;
}

/** The last events, in order, bounded in number and in characters. Older ones make room. */
export function createEventRing(limits: { readonly ringEvents: number; readonly ringCharacters: number }): EventRing {
  const run = randomBytes(6).toString("hex");
  const slots: (RingEntry | undefined)[] = [];
  let newest = 0;
  let oldest = 1;
  let characters = 0;

  const entry = (number: number): RingEntry | undefined =>
    number < oldest || number > newest ? undefined : slots[number % limits.ringEvents];
  const dropOldest = (): void => {
    characters -= entry(oldest)?.frame.length ?? 0;
    slots[oldest % limits.ringEvents] = undefined;
    oldest += 1;
  };
  const makeRoom = (): void => {
    while (characters > limits.ringCharacters) {
      // The newest stays even when it is larger than the whole ring.
      if (oldest === newest) return;
      dropOldest();
    }
  };

  return {
    append({ event, tenant }) {
      const number = newest + 1;
      // JSON has no line breaks, so one data field holds it.
      const frame = `id: ${run}-${number}\ndata: ${JSON.stringify(event)}\n\n`;
      if (number - oldest >= limits.ringEvents) dropOldest();
      slots[number % limits.ringEvents] = {
        number,
        nodeName: event.nodeName,
        ...(tenant === undefined ? {} : { tenant }),
        frame,
      };
      newest = number;
      characters += frame.length;
      makeRoom();
    },
    entry,
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
