import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { faultsOf } from "./testing/event-schema.ts";
import { eventsIn, numberIn, readEvents, type Message } from "./testing/event-reader.ts";
import { steps, type Step } from "./testing/report-sequences.ts";
import { pullOf, reportOf } from "./testing/reports.ts";
import { runningServer } from "./testing/running-server.ts";

type Running = Awaited<ReturnType<typeof runningServer>>;

/** Reads from `begin` over connections that break, until the event `end` was seen. */
async function readThrough(
  running: Running,
  begin: string,
  cuts: readonly number[],
  end: Promise<number>,
): Promise<readonly Message[]> {
  const received: Message[] = [];
  let lastEventId = begin;
  let last: number | undefined;
  const told = (async (): Promise<void> => {
    last = await end;
  })();
  for (let turn = 0; ; turn += 1) {
    const cutAfterBytes = last === undefined ? cuts[turn % cuts.length] : undefined;
    const reader = await readEvents(running.url, {
      lastEventId,
      ...(cutAfterBytes === undefined ? {} : { cutAfterBytes }),
    });
    if (cutAfterBytes === undefined) await reader.until(() => numberIn(reader.lastEventId()) >= (last ?? 0));
    else await Promise.race([reader.over, told]);
    await reader.close();
    received.push(...reader.messages);
    lastEventId = reader.lastEventId();
    if (cutAfterBytes === undefined) return received;
  }
}

async function report(running: Running, sequence: readonly Step[]): Promise<number> {
  const statuses = new Set<number>();
  for (const step of sequence) {
    running.pass(step.afterMs);
    if (step.report !== undefined) statuses.add((await running.post(step.report)).status);
  }
  if ([...statuses].some((status) => status !== 200)) throw new Error(`refused: ${[...statuses].join()}`);
  return numberIn((await running.list()).lastEventId);
}

describe("a client that loses its connection again and again", () => {
  it("misses no event and sees none twice, wherever it was cut", async () => {
    const running = await runningServer();
    let told = 0;
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.array(fc.integer({ min: 1, max: 9_000 }), { minLength: 1, maxLength: 8 }),
        async (sequence, cuts) => {
          const { lastEventId: begin } = await running.list();
          const reported = report(running, sequence);
          const received = await readThrough(running, begin, cuts, reported);
          const numbers = received.map(({ id }) => numberIn(id));
          const first = numberIn(begin) + 1;
          // The server's own look at its nodes, once a second, may tell more at any moment: what came after the last
          // report may be there and need not be.
          expect(first + numbers.length - 1).toBeGreaterThanOrEqual(await reported);
          expect(numbers).toEqual(numbers.map((_, index) => first + index));
          expect(eventsIn(received).flatMap(faultsOf)).toEqual([]);
          told += numbers.length;
        },
      ),
      { numRuns: 25 },
    );
    expect(told).toBeGreaterThan(100);
  });

  it("gets a backlog that is much larger than what a connection may hold, in whole", async () => {
    const running = await runningServer({ limits: { clientBufferBytes: 10_000 } });
    const { lastEventId } = await running.list();
    for (let second = 0; second < 20; second += 1) {
      running.pass(1_000);
      const pulls = Array.from({ length: 200 }, (_, index) => pullOf([], { id: `p${second}-${index}`, phase: "done" }));
      await running.post(reportOf(pulls));
    }
    const reader = await readEvents(running.url, { lastEventId });
    await reader.until((messages) => messages.length === 8_000);
    expect(reader.messages.map(({ id }) => numberIn(id))).toEqual(
      Array.from({ length: 8_000 }, (_, index) => index + 1),
    );
    await reader.close();
  });
});
