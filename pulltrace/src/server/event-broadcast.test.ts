import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Emission } from "./emission.ts";
import { createEventBroadcast, type ClientConnection } from "./event-broadcast.ts";
import { createEventRing } from "./event-ring.ts";

const emission = (nodeName: string, tenant?: string): Emission => ({
  nodeName,
  event: { schemaVersion: "v1", timestamp: "2026-11-21T12:00:00.000Z", type: "pull.progress", nodeName },
  counted: true,
  ...(tenant === undefined ? {} : { tenant }),
});

/** A connection that takes everything at once, or nothing until told. */
function connection(reading = true) {
  const frames: (string | Uint8Array)[] = [];
  let waiting = 0;
  const client: ClientConnection & { closed: boolean } = {
    closed: false,
    encoding: "identity",
    sendEncoded: (bytes) => client.send(bytes as never),
    send(frame) {
      frames.push(frame);
      if (!reading) waiting += frame.length;
      return reading;
    },
    bufferedBytes: () => waiting,
    close() {
      client.closed = true;
    },
  };
  const numbers = (): readonly number[] =>
    frames.flatMap((frame) =>
      [...frame.toString().matchAll(/^id: [0-9a-f]+-(\d+)\ndata/gm)].map((match) => Number(match[1])),
    );
  const drain = (): void => {
    waiting = 0;
  };
  return { client, frames, numbers, drain };
}

function setUp(limits: { ringEvents?: number; clientBufferBytes?: number; now?: () => number } = {}) {
  const ring = createEventRing({ ringEvents: limits.ringEvents ?? 1_000, ringBytes: 1e7 });
  const dropped = vi.fn<() => void>();
  const broadcast = createEventBroadcast({
    ring,
    clientBufferBytes: limits.clientBufferBytes ?? 1e6,
    onDrop: dropped,
    now: limits.now ?? (() => Date.now()),
  });
  const tell = (...emissions: Emission[]): void => {
    for (const one of emissions) ring.append(one);
    broadcast.notify();
  };
  return { ring, broadcast, dropped, tell };
}
const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe("the event broadcast", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("sends what came after the client's position and goes on, each event once, many in one write", async () => {
    const { broadcast, tell } = setUp();
    tell(...range(1, 5).map(() => emission("n")));
    const { client, frames, numbers } = connection();
    broadcast.connect(client, {}, 2);
    expect(numbers()).toEqual([3, 4, 5]);
    const writes = frames.length;
    tell(emission("n"));
    tell(emission("n"));
    await vi.advanceTimersByTimeAsync(100);
    expect(numbers()).toEqual([3, 4, 5, 6, 7]);
    expect(frames.length - writes).toBe(1);
  });

  it("encodes each event once also for clients that are far apart", async () => {
    const { ring, broadcast, tell } = setUp();
    const encoded = vi.spyOn(ring, "frameOf");
    const [ahead, behind] = [connection(), connection(false)];
    broadcast.connect(ahead.client, {}, 0);
    broadcast.connect(behind.client, {}, 0);
    const all = range(1, 384);
    // 38 MB in all, as many at a time as a chunk has at most.
    for (let turn = 0; turn < 3; turn += 1) {
      tell(...range(1, 128).map(() => emission("n".repeat(100_000))));
      await vi.advanceTimersByTimeAsync(50);
    }
    expect(ahead.numbers()).toEqual(all);
    expect(behind.numbers().length).toBeLessThan(100);
    for (let turn = 0; turn < 384 && behind.numbers().length < 384; turn += 1) {
      behind.drain();
      await vi.advanceTimersByTimeAsync(50);
    }
    expect(behind.numbers()).toEqual(all);
    expect(encoded).toHaveBeenCalledTimes(384);
  });

  it("shares one encoding between clients that see the same", async () => {
    const { broadcast, tell } = setUp();
    const clients = [connection(), connection(), connection()];
    broadcast.connect(clients[0]!.client, {}, 0);
    broadcast.connect(clients[1]!.client, {}, 0);
    broadcast.connect(clients[2]!.client, { nodeName: "n" }, 0);
    tell(emission("n"));
    await vi.advanceTimersByTimeAsync(100);
    const [a, b, c] = clients.map(({ frames }) => frames.at(-1));
    expect(a).toBeInstanceOf(Uint8Array);
    expect(b).toBe(a);
    expect(c).not.toBe(a);
    expect(c).toEqual(a);
  });

  it("shares it with those, too, that fell behind or come back at another place of the stream", async () => {
    const { broadcast, tell } = setUp();
    tell(...range(1, 900).map(() => emission("n")));
    const [ahead, behind] = [connection(), connection()];
    broadcast.connect(ahead.client, {}, 0);
    await vi.advanceTimersByTimeAsync(1_000);
    broadcast.connect(behind.client, {}, 37);
    expect(behind.numbers()).toEqual(range(38, 900));
    expect(ahead.numbers()).toEqual(range(1, 900));
    const shared = new Set(ahead.frames);
    const own = behind.frames.filter((frame) => frame instanceof Uint8Array && !shared.has(frame));
    expect(own.length, "only what leads to the next common place").toBe(1);
    expect(behind.frames.length).toBeGreaterThan(4);
  });

  it("is not late, and ever later, because sending takes a good part of the time", async () => {
    let spentMs = 0;
    const { broadcast, ring, tell, dropped } = setUp({ ringEvents: 2_000, now: () => Date.now() + spentMs });
    const { client, numbers } = connection();
    // Two fifths of the time: 100 events come in 100 ms, and each takes 0.4 ms to be sent.
    const taking: ClientConnection = {
      ...client,
      sendEncoded(bytes) {
        spentMs += 0.4 * (bytes.toString().match(/^data/gm)?.length ?? 0);
        return client.sendEncoded(bytes);
      },
    };
    broadcast.connect(taking, {}, 0);
    for (let moment = 0; moment < 1_000; moment += 1) {
      tell(...range(1, 10).map(() => emission("n")));
      await vi.advanceTimersByTimeAsync(10);
    }
    await vi.advanceTimersByTimeAsync(40);
    expect(dropped).not.toHaveBeenCalled();
    expect(ring.newest()).toBe(10_000);
    expect(numbers()).toEqual(range(1, 10_000));
  });

  it("sends each client only what it may and wants to see", async () => {
    const { broadcast, tell } = setUp();
    const all = connection();
    const bound = connection();
    const none = connection();
    const foreign = connection();
    const node = connection();
    broadcast.connect(all.client, {}, 0);
    broadcast.connect(bound.client, { boundTo: "a" }, 0);
    broadcast.connect(none.client, { boundTo: "" }, 0);
    broadcast.connect(foreign.client, { boundTo: "a", tenant: "b" }, 0);
    broadcast.connect(node.client, { nodeName: "n2" }, 0);
    tell(emission("n1", "a"), emission("n1", "b"), emission("n2"), emission("n2", "a"));
    await vi.advanceTimersByTimeAsync(100);
    expect([all, bound, none, foreign, node].map(({ numbers }) => numbers())).toEqual([
      [1, 2, 3, 4],
      [1, 4],
      [],
      [],
      [3, 4],
    ]);
  });

  it("a client that reads slowly holds no more than its buffer, and gets the rest when it reads again", async () => {
    const { broadcast, tell, dropped } = setUp({ clientBufferBytes: 400 });
    const slow = connection(false);
    broadcast.connect(slow.client, {}, 0);
    for (let round = 0; round < 20; round += 1) {
      tell(emission("n"));
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(slow.numbers().length).toBeLessThan(5);
    while (slow.numbers().length < 20) {
      const before = slow.numbers().length;
      slow.drain();
      await vi.advanceTimersByTimeAsync(100);
      expect(slow.numbers().length).toBeGreaterThan(before);
    }
    expect(slow.numbers()).toEqual(range(1, 20));
    expect(dropped).not.toHaveBeenCalled();
  });

  it("a client that the ring has moved past is let go and counted; the others notice nothing", async () => {
    const { broadcast, tell, dropped } = setUp({ ringEvents: 10, clientBufferBytes: 100 });
    const stuck = connection(false);
    const quick = connection();
    broadcast.connect(stuck.client, {}, 0);
    broadcast.connect(quick.client, {}, 0);
    for (let round = 0; round < 30; round += 1) {
      tell(emission("n"));
      await vi.advanceTimersByTimeAsync(100);
    }
    expect([stuck.client.closed, quick.client.closed]).toEqual([true, false]);
    expect(dropped).toHaveBeenCalledTimes(1);
    expect(broadcast.clients()).toBe(1);
    expect(quick.numbers()).toEqual(range(1, 30));
  });

  it("moves the id of a client whose filter passes everything over, so that it can come back", async () => {
    const { broadcast, tell, ring } = setUp({ ringEvents: 5 });
    const quiet = connection();
    broadcast.connect(quiet.client, { nodeName: "other" }, 0);
    tell(
      ...range(1, 50)
        .map(() => emission("n"))
        .slice(0, 4),
    );
    await vi.advanceTimersByTimeAsync(11_000);
    expect(quiet.frames.at(-1)).toBe(`id: ${ring.idOf(4)}\n\n`);
    expect(quiet.numbers()).toEqual([]);
  });

  it("ends a stream after an hour, so that its rights are looked at anew", async () => {
    const { broadcast } = setUp();
    const { client } = connection();
    broadcast.connect(client, {}, 0);
    await vi.advanceTimersByTimeAsync(3_590_000);
    expect(client.closed).toBe(false);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(client.closed).toBe(true);
  });

  it("sends nothing to a client that left, and closes all in the end", async () => {
    const { broadcast, tell } = setUp();
    const gone = connection();
    const there = connection();
    broadcast.connect(gone.client, {}, 0)();
    broadcast.connect(there.client, {}, 0);
    tell(emission("n"));
    await vi.advanceTimersByTimeAsync(100);
    expect([gone.numbers(), there.numbers()]).toEqual([[], [1]]);
    broadcast.close();
    expect(there.client.closed).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});
