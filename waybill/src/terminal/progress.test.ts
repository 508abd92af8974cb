import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { progressOn, type Progress } from "./index.ts";

const MiB = 1024 * 1024;

/** Everything that progress writes, piece by piece, and a clock that goes when it is told to. */
function shown(isTTY: boolean): {
  readonly written: string[];
  readonly progress: Progress;
  readonly wait: (ms: number) => void;
} {
  const written: string[] = [];
  let now = 1000;
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk.toString());
      done();
    },
  });
  const progress = progressOn(Object.assign(stream, { isTTY }), "put", () => now);
  return { written, progress, wait: (ms) => void (now += ms) };
}

/** The steps of 4 MiB, the first of which was there before. */
function halfOf({ progress, wait }: ReturnType<typeof shown>): void {
  progress.expect(4 * MiB, 2);
  progress.advance(MiB, true);
  wait(1000);
  progress.advance(MiB);
  progress.fileDone();
}

describe("progress", () => {
  it("is a bar on a terminal that redraws its line, and ends it", () => {
    const here = shown(true);
    halfOf(here);
    expect(here.written.at(-1)).toBe(
      "\r\u001B[2Kput [############------------] 50% 0/2 files, 2.0 MiB of 4.0 MiB, 1.0 MiB/s",
    );
    here.wait(1000);
    here.progress.advance(2 * MiB);
    here.progress.end();
    expect(here.written.at(-1)).toBe(
      "\r\u001B[2Kput [########################] 100% 1/2 files, 4.0 MiB of 4.0 MiB, 1.5 MiB/s\n",
    );
    expect(here.written.join("").split("\n")).toHaveLength(2);
  });

  it("is not drawn more often than a person sees", () => {
    const here = shown(true);
    here.progress.expect(1000, 1);
    for (let byte = 0; byte < 1000; byte++) here.progress.advance(1);
    expect(here.written).toHaveLength(1);
  });

  it("is lines for a log, seconds apart, and what was there before does not make it look fast", () => {
    const here = shown(false);
    halfOf(here);
    expect(here.written).toEqual([]);
    here.wait(5000);
    here.progress.advance(0);
    here.progress.advance(0);
    expect(here.written).toEqual(["put: 1/2 files, 2.0 MiB of 4.0 MiB, 170.7 KiB/s\n"]);
    here.progress.end();
    here.progress.end();
    here.progress.advance(MiB);
    expect(here.written).toHaveLength(2);
    expect(here.written.join("")).not.toContain("\u001B");
  });
});
