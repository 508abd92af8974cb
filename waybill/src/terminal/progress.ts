import type { Writable } from "node:stream";
import { humanBytes } from "./bytes.ts";

const drawEveryMs = 100;
const lineEveryMs = 5000;
const barWidth = 24;

/** How far long work has come. Bytes that were there before count as done, and not into the speed. */
export interface Progress {
  /** More work than was known of. */
  expect(bytes: number, files: number): void;
  /** @param there whether it was there already */
  advance(bytes: number, there?: boolean): void;
  fileDone(): void;
  /** The last word: how much, in which time. Nothing more is written after it. */
  end(): void;
}

/**
 * A bar that redraws itself on a terminal; elsewhere a line every few seconds, so that a log shows that it goes on. Goes to
 * standard error: standard output is for what was asked for.
 */
export function progressOn(
  stream: Writable & { readonly isTTY?: boolean },
  what: string,
  now: () => number = () => performance.now(),
): Progress {
  const began = now();
  const live = stream.isTTY === true;
  let total = 0;
  let files = 0;
  let done = 0;
  let moved = 0;
  let filesDone = 0;
  let shownAt = live ? 0 : began;
  let ended = false;

  function text(): string {
    const seconds = Math.max(0.001, (now() - began) / 1000);
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const speed = `${humanBytes(Math.round(moved / seconds))}/s`;
    const count = `${filesDone}/${files} files, ${humanBytes(done)} of ${humanBytes(total)}`;
    if (!live) return `${what}: ${count}, ${speed}\n`;
    const full = Math.round(share * barWidth);
    return `\r\u001B[2K${what} [${"#".repeat(full)}${"-".repeat(barWidth - full)}] ${Math.floor(share * 100)}% ${count}, ${speed}`;
  }
  function show(): void {
    if (ended || now() - shownAt < (live ? drawEveryMs : lineEveryMs)) return;
    shownAt = now();
    stream.write(text());
  }
  return {
    expect(bytes, count) {
      total += bytes;
      files += count;
      show();
    },
    advance(bytes, there = false) {
      done += bytes;
      if (!there) moved += bytes;
      show();
    },
    fileDone() {
      filesDone++;
      show();
    },
    end() {
      if (ended) return;
      ended = true;
      if (live) stream.write(`${text()}\n`);
      else stream.write(text());
    },
  };
}

/** For work whose progress nobody wants to see. */
export const silentProgress: Progress = {
  expect: () => undefined,
  advance: () => undefined,
  fileDone: () => undefined,
  end: () => undefined,
};
