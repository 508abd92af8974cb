import { describe, expect, it } from "vitest";
import type { Emission } from "./emission.ts";
import { createEventRing } from "./event-ring.ts";

const emission = (nodeName = "n"): Emission => ({
  nodeName,
  event: { schemaVersion: "v1", timestamp: "2026-11-21T12:00:00.000Z", type: "pull.progress", nodeName },
  counted: true,
});
function ringOf(events: number, limits: { ringEvents?: number; ringBytes?: number } = {}) {
  const ring = createEventRing({ ringEvents: 5, ringBytes: 1e6, ...limits });
  for (let count = 0; count < events; count += 1) ring.append(emission());
  return ring;
}

describe("the event ring", () => {
  it("numbers events without gaps from 1, and keeps the last of them", () => {
    const ring = ringOf(12);
    expect([ring.oldest(), ring.newest()]).toEqual([8, 12]);
    expect([7, 8, 12, 13].map((number) => ring.entry(number)?.nodeName)).toEqual([undefined, "n", "n", undefined]);
    expect(ring.frameOf(9, ring.entry(9)!.event)).toMatch(/^id: [0-9a-f]+-9\ndata: \{.*\}\n\n$/);
  });

  it("is bounded in bytes too, but always holds the newest", () => {
    const small = ringOf(4, { ringBytes: 400 });
    expect([small.oldest(), small.newest()]).toEqual([3, 4]);
    const tiny = ringOf(4, { ringBytes: 1 });
    expect([tiny.oldest(), tiny.newest()]).toEqual([4, 4]);
  });

  it("lets a reader go on from exactly those ids after which nothing is gone", () => {
    const ring = ringOf(12);
    expect([6, 7, 8, 12, 13].map((number) => ring.resumable(ring.idOf(number)))).toEqual([
      undefined,
      7,
      8,
      12,
      undefined,
    ]);
    const empty = ringOf(0);
    expect(empty.resumable(empty.idOf(0))).toBe(0);
  });

  it("knows an id of another run of the server, and one that is none", () => {
    const ring = ringOf(3);
    expect(ring.resumable(ringOf(3).idOf(2))).toBeUndefined();
    for (const id of [
      "",
      "2",
      "-2",
      "x-2",
      `${ring.idOf(2)}x`,
      ` ${ring.idOf(2)}`,
      ring.idOf(2).replace(/2$/, "-1"),
      ring.idOf(1e17),
    ]) {
      expect(ring.resumable(id)).toBeUndefined();
    }
  });
});
