import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Ingest } from "../containerd/index.ts";
import { closeMayBeUnseen, ownedBy, watchWriter, type WriterWatch } from "./writers.ts";

const ingest = (offset: number, updatedAt: number): Ingest => ({
  ref: "layer-sha256:00",
  offset,
  total: 100,
  startedAt: 0,
  updatedAt,
});

const MiB = 1024 * 1024;

function watch(moves: readonly (readonly [offset: number, updatedAt: number])[]): WriterWatch {
  let seen: WriterWatch | undefined;
  for (const [look, [offset, updatedAt]] of moves.entries()) {
    seen = watchWriter(seen, ingest(offset, updatedAt), { look, at: look * 1000 });
  }
  if (seen === undefined) throw new Error("nothing was seen");
  return seen;
}

describe("a writer", () => {
  it("that is silent is not closed", () => {
    expect(
      watch([
        [10, 1],
        [10, 1],
        [10, 1],
      ]).closedAt,
    ).toBeUndefined();
  });

  it("is closed when its time moves without its offset", () => {
    expect(
      watch([
        [10, 1],
        [20, 2],
        [20, 2.006],
      ]).closedAt,
    ).toBe(2000);
  });

  it("has the file's own time while it is open, and a time of its own when it was closed with its last move", () => {
    const look = { look: 1, at: 1000, fileClock: 0.687 };
    const moved = watchWriter(watch([[MiB, 1.687]]), ingest(2 * MiB, 250.6866), look);
    expect(moved.stamped).toBe(false);
    expect(watchWriter(moved, ingest(3 * MiB, 500.9688), { ...look, look: 2 }).stamped).toBe(true);
    expect(watchWriter(moved, ingest(3 * MiB, 500.9688), { look: 2, at: 2000 }).stamped).toBeUndefined();
    expect(watchWriter(undefined, ingest(0, 500.9688), look).stamped).toBeUndefined();
    expect(watchWriter(undefined, ingest(MiB, 500.003), { ...look, fileClock: 0.998 }).stamped).toBe(false);
  });

  it("is open again when it moves after all", () => {
    expect(
      watch([
        [10, 1],
        [10, 1.006],
        [20, 5],
      ]).closedAt,
    ).toBeUndefined();
  });

  it("that moves with every step of its time is never closed, whatever the steps", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { minLength: 1, maxLength: 40 }), (steps) => {
        let offset = 0;
        let updatedAt = 0;
        const moves = steps.map((step): [number, number] => {
          offset += step * MiB;
          if (step > 0) updatedAt += 1;
          return [offset, updatedAt];
        });
        expect(watch(moves).closedAt).toBeUndefined();
      }),
    );
  });

  const piece = (moves: readonly number[], total: number) => {
    let seen: WriterWatch | undefined;
    for (const [look, offset] of moves.entries()) {
      seen = watchWriter(seen, { ...ingest(offset, look), total }, { look, at: look * 1000 });
    }
    return seen?.closedAt;
  };

  it("that writes a part of a MiB after whole ones, short of the total, broke off", () => {
    expect(piece([0, MiB, 2 * MiB, 2.8 * MiB], 10 * MiB)).toBe(3000);
    // Taken up again at an odd place: the pieces count, not the place.
    expect(piece([2.8 * MiB, 3.8 * MiB, 5.8 * MiB, 6 * MiB], 10 * MiB)).toBe(3000);
    expect(piece([0, MiB, 2.8 * MiB, 3.8 * MiB], 10 * MiB)).toBeUndefined();
  });

  it("that writes a part of a MiB as its last piece, or never whole ones, did not break off", () => {
    expect(piece([0, MiB, 1.5 * MiB], 1.5 * MiB)).toBeUndefined();
    expect(piece([0, 0.5 * MiB, MiB, 1.5 * MiB], 10 * MiB)).toBeUndefined();
    expect(piece([0, MiB, 1.5 * MiB], 0)).toBeUndefined();
  });

  it("remembers the longest pause between two moves", () => {
    expect(
      watch([
        [0, 0],
        [1, 1],
        [1, 1],
        [1, 1],
        [2, 2],
        [3, 3],
      ]).longestGapMs,
    ).toBe(3000);
  });

  it("taken over by another client starts anew: the stamp of the last one does not count", () => {
    const closed = ownedBy(
      watch([
        [10, 1],
        [20, 2],
        [20, 2.006],
      ]),
      "lease-1",
      { look: 3, at: 3000 },
    );
    expect(closed.closedAt).toBeUndefined();
    const first = ownedBy(watch([[10, 1]]), "lease-1", { look: 1, at: 1000 });
    const stamped = watchWriter(first, ingest(10, 1.006), { look: 2, at: 2000 });
    expect(stamped.closedAt).toBe(2000);
    expect(ownedBy(stamped, "lease-1", { look: 3, at: 3000 }).closedAt).toBe(2000);
    expect(ownedBy(stamped, "lease-2", { look: 3, at: 3000 }).closedAt).toBeUndefined();
  });
});

describe("the close of all writers at once", () => {
  const at = (look: number) => ({ ...watch([[0, 0]]), movedAtLook: look });

  it("may go unseen when all of them moved at the last look that saw a move", () => {
    expect(closeMayBeUnseen([at(7), at(7)])).toBe(true);
    expect(closeMayBeUnseen([at(7)])).toBe(true);
  });

  it("cannot when one of them had nothing to write then: its stamp would show", () => {
    expect(closeMayBeUnseen([at(7), at(6)])).toBe(false);
  });
});
