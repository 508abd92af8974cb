import {
  isFailing,
  type LayerStatus,
  type PullEvent,
  type PullList,
  type PullStatus,
} from "@waybill/pulltrace/contract";
import { describe, expect, it } from "vitest";
import { backOffPulls, busyPulls } from "../testing/index.ts";
import { applyEvents, applyList, dropExpired, isContained } from "./state.ts";

const now = Date.parse("2026-11-21T10:00:00Z");
const [first, second, third] = busyPulls(now) as [PullStatus, PullStatus, PullStatus];

function list(pulls: readonly PullStatus[], lastEventId = "r1-10"): PullList {
  return { pulls, lastEventId, nodes: [], serverTime: new Date(now).toISOString(), historySeconds: 60 };
}
function event(pull: PullStatus): PullEvent {
  return { schemaVersion: "v1", timestamp: pull.updatedAt, type: "pull.progress", nodeName: pull.nodeName, pull };
}
function at(pull: PullStatus, seconds: number, bytesPerSec: number): PullStatus {
  return { ...pull, bytesPerSec, updatedAt: new Date(now + seconds * 1000).toISOString() };
}

describe("the state of the pulls", () => {
  it("an event replaces its pull and nothing else", () => {
    const before = applyList(undefined, list([first, second]), now);
    const after = applyEvents(before, [{ id: "r1-11", event: event(at(first, 1, 5)) }], now);
    expect(after.entries.get(first.id)?.pull.bytesPerSec).toBe(5);
    expect(after.entries.get(second.id)).toBe(before.entries.get(second.id));
    expect(after.lastEventId).toBe("r1-11");
    expect(before.entries.get(first.id)?.pull).toBe(first);
  });

  it("events that the list already contains change nothing", () => {
    const before = applyList(undefined, list([first]), now);
    const old = { ...first, percent: 1 };
    expect(
      applyEvents(
        before,
        [
          { id: "r1-9", event: event(old) },
          { id: "r1-10", event: event(old) },
        ],
        now,
      ),
    ).toBe(before);
  });

  it("the same event twice counts once, also for the sparkline", () => {
    const before = applyList(undefined, list([first]), now);
    const one = { id: "r1-11", event: event(at(first, 1, 7)) };
    const once = applyEvents(before, [one], now);
    expect(applyEvents(once, [one], now)).toBe(once);
    expect(once.entries.get(first.id)?.speeds).toEqual([first.bytesPerSec, 7]);
  });

  it("a number of another run is not compared with ours", () => {
    expect(isContained("r2-1", "r1-10")).toBe(false);
    expect(isContained("r1-10", "r1-10")).toBe(true);
    expect(isContained("r-1-9", "r-1-10")).toBe(true);
    expect(isContained("", "")).toBe(false);
    expect(isContained("r1-x", "r1-10")).toBe(false);
  });

  it("mere progress keeps the shape; what filter and order look at changes it", () => {
    const before = applyList(undefined, list([first]), now);
    const told = (pull: PullStatus): typeof before => applyEvents(before, [{ id: "r1-11", event: event(pull) }], now);
    expect(told(at({ ...first, percent: 90 }, 1, 5)).shape).toBe(before.shape);
    expect(told({ ...first, phase: "unpacking" }).shape.get(first.id)?.pull.phase).toBe("unpacking");
    expect(told({ ...first, pods: first.pods.slice(1) }).shape).not.toBe(before.shape);
    expect(told({ ...first, imageRef: "r.io/other:1" }).shape).not.toBe(before.shape);
    expect(told(second).shape.has(second.id)).toBe(true);
  });

  it("a layer event changes its layer in the pull, and none in a pull that is not there", () => {
    const before = applyList(undefined, list([first]), now);
    const layer: LayerStatus = { ...first.layers[3]!, percent: 99, phase: "downloaded" };
    const told = (changed: LayerStatus): PullEvent => ({
      schemaVersion: "v1",
      timestamp: first.updatedAt,
      type: "layer.progress",
      nodeName: first.nodeName,
      layer: changed,
    });
    const after = applyEvents(before, [{ id: "r1-11", event: told(layer) }], now);
    expect(after.entries.get(first.id)?.pull.layers[3]).toBe(layer);
    expect(after.entries.get(first.id)?.pull.layers[2]).toBe(first.layers[2]);
    const other = applyEvents(after, [{ id: "r1-12", event: told({ ...layer, pullId: "nobody" }) }], now);
    expect([...other.entries.keys()]).toEqual([first.id]);
  });

  it("only what comes in while the page is open is new", () => {
    const before = applyList(undefined, list([first]), now);
    expect(before.entries.get(first.id)?.arrivedAt).toBeUndefined();
    const after = applyEvents(before, [{ id: "r1-11", event: event(second) }], now + 5);
    expect(after.entries.get(second.id)?.arrivedAt).toBe(now + 5);
  });

  it("a new list drops what is gone, and keeps the sparkline of what is still there", () => {
    let state = applyList(undefined, list([first, second]), now);
    state = applyEvents(state, [{ id: "r1-11", event: event(at(first, 1, 7)) }], now);
    const anew = applyList(state, list([at(first, 2, 9), third], "r2-0"), now + 2000);
    expect([...anew.entries.keys()]).toEqual([first.id, third.id]);
    expect(anew.entries.get(first.id)?.speeds).toEqual([first.bytesPerSec, 7, 9]);
    expect(anew.entries.get(third.id)?.arrivedAt).toBe(now + 2000);
    expect(anew.lastEventId).toBe("r2-0");
  });

  it("finished pulls leave when their time in the history is over, running ones never", () => {
    const done: PullStatus = { ...second, phase: "done", completedAt: new Date(now).toISOString() };
    const state = applyList(undefined, list([first, done]), now);
    expect(dropExpired(state, now + 60_000)).toBe(state);
    expect([...dropExpired(state, now + 60_001).entries.keys()]).toEqual([first.id]);
  });

  it("the sparkline keeps a bounded number of values", () => {
    let state = applyList(undefined, list([first]), now);
    for (let turn = 1; turn <= 100; turn += 1) {
      state = applyEvents(state, [{ id: `r1-${10 + turn}`, event: event(at(first, turn, turn)) }], now);
    }
    const speeds = state.entries.get(first.id)!.speeds;
    expect(speeds).toHaveLength(40);
    expect(speeds.at(-1)).toBe(100);
  });

  it("a failed pull that pods still wait for outlives the history, goes on under its id, and may end", () => {
    const failing = backOffPulls(now).find(({ id }) => id === "web-0")!;
    const { waitsFor: _, nextTryAt: __, ...over } = failing;
    const { failure: ___, error: ____, completedAt: _____, ...again } = over;
    const nextTryAt = new Date(now + 160_000).toISOString();
    let state = applyList(undefined, list([failing]), now);
    expect(dropExpired(state, now + 3_600_000)).toBe(state);
    state = applyEvents(state, [{ id: "r1-11", event: event({ ...failing, attempts: 5, nextTryAt }) }], now);
    expect(state.shape.get(failing.id)?.pull).toMatchObject({ attempts: 5, nextTryAt });
    state = applyEvents(state, [{ id: "r1-12", event: event({ ...again, phase: "downloading" }) }], now);
    expect(isFailing(state.shape.get(failing.id)!.pull)).toBe(false);
    expect(state.entries.size).toBe(1);
    state = applyEvents(state, [{ id: "r1-13", event: event(over) }], now);
    expect(dropExpired(state, now + 3_600_000).entries.size).toBe(0);
  });
});
