import * as fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { silentLogger } from "@waybill/foundation/testing";
import type { AgentReport } from "../../contract/index.ts";
import { type ReportReceiver, startReportReceiver } from "../../testing/index.ts";
import { backOffMs, createReporter, reportBackOff } from "./index.ts";

let server: ReportReceiver | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function receiver(answer: (count: number) => number | "hold"): Promise<ReportReceiver> {
  server = await startReportReceiver({ answer });
  return server;
}

const report = (number: number, filler = ""): AgentReport => ({
  nodeName: `node-1`,
  timestamp: new Date(number).toISOString(),
  pulls: filler === "" ? [] : [{ imageRef: filler, layers: [], startedAt: "2026-01-01T00:00:00Z", totalKnown: false }],
});
const until = async (what: () => boolean) => {
  for (let attempt = 0; attempt < 4_500; attempt += 1) {
    if (what()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("it did not come to pass");
};

describe("a reporter", () => {
  it("posts to /api/v1/report under the server's address, with its token", async () => {
    const { url, taken } = await receiver(() => 204);
    const reporter = createReporter({ serverUrl: `${url}/behind/a/prefix`, agentToken: "secret", log: silentLogger() });
    reporter.send(report(1));
    await until(() => reporter.sent === 1);
    await reporter.close(1000);
    expect(taken[0]?.url).toBe("/behind/a/prefix/api/v1/report");
    expect(taken[0]?.headers).toMatchObject({ authorization: "Bearer secret", "content-type": "application/json" });
  });

  it("compresses what is large, and only that", async () => {
    const { url, taken } = await receiver(() => 204);
    const reporter = createReporter({ serverUrl: url, log: silentLogger() });
    reporter.send(report(1));
    await until(() => reporter.sent === 1);
    reporter.send(report(2, "x".repeat(5000)));
    await until(() => reporter.sent === 2);
    await reporter.close(1000);
    expect(taken.map((one) => one.headers["content-encoding"])).toEqual([undefined, "gzip"]);
    expect(taken[1]?.report.pulls[0]?.imageRef).toBe("x".repeat(5000));
  });

  it("sends only the newest of what came while the server was away", async () => {
    // These come while the first one is being refused: no try can be before them.
    const { url, taken } = await receiver((count) => {
      if (count > 1) return 204;
      for (const number of [2, 3, 4]) reporter.send(report(number));
      return 503;
    });
    const reporter = createReporter({ serverUrl: url, log: silentLogger(), random: () => 0 });
    reporter.send(report(1));
    await until(() => reporter.sent === 1);
    await reporter.close(1000);
    expect(taken.map((one) => Date.parse(one.report.timestamp))).toEqual([1, 4]);
    expect(reporter.trouble).toBeUndefined();
  });

  it("does not send again what the server refused, and says why", async () => {
    const { url, taken } = await receiver(() => 401);
    const reporter = createReporter({ serverUrl: url, log: silentLogger(), random: () => 0 });
    reporter.send(report(1));
    await until(() => reporter.failed === 1);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(taken.length).toBe(1);
    expect(reporter.trouble).toContain("PULLTRACE_AGENT_TOKEN");
    await reporter.close(0);
  });

  it("closes in its time though the server holds the answer", async () => {
    const { url, taken } = await receiver(() => "hold");
    const reporter = createReporter({ serverUrl: url, log: silentLogger() });
    reporter.send(report(1));
    await until(() => taken.length === 1);
    await reporter.close(50);
    expect(reporter.sent).toBe(0);
  });

  it("closes at once though the server is away", async () => {
    const { url } = await receiver(() => 204);
    await server?.close();
    server = undefined;
    const reporter = createReporter({ serverUrl: url, log: silentLogger(), random: () => 1 });
    reporter.send(report(1));
    await until(() => reporter.failed === 1);
    await reporter.close(60_000);
    expect(reporter.sent).toBe(0);
  });
});

describe("five hundred agents after a restart of the server", () => {
  /** Repeatable, and as even as it has to be (mulberry32). */
  const randomOf = (seed: number) => () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  /** Milliseconds after its return at which the server hears of each agent first, when all lost it at `lostAt(agent)`. */
  const returns = (outageMs: number, lostAt: (agent: number) => number) =>
    Array.from({ length: 500 }, (_, agent) => {
      const random = randomOf(agent);
      let at = lostAt(agent);
      for (let failures = 1; at < outageMs; failures += 1) at += backOffMs(failures, random());
      return at - outageMs;
    });
  const busiest = (times: readonly number[]) => {
    const windows = new Map<number, number>();
    for (const time of times) windows.set(Math.floor(time / 100), (windows.get(Math.floor(time / 100)) ?? 0) + 1);
    return Math.max(...windows.values());
  };

  it.each([5_000, 20_000, 60_000, 600_000])(
    "come back spread after %d ms, though they lost it at one moment",
    (outage) => {
      const times = returns(outage, () => 0);
      // A tenth of a second has its share of a second, and twice that at worst.
      expect(busiest(times)).toBeLessThanOrEqual(100);
      expect(Math.max(...times)).toBeLessThanOrEqual(reportBackOff.longestMs);
    },
  );

  it("come no denser than they report, when each lost it with a report of its own", () => {
    for (const outage of [1_000, 20_000]) {
      expect(busiest(returns(outage, (agent) => agent * 2))).toBeLessThanOrEqual(100);
    }
  });
});

describe("pauses after failures", () => {
  it("grow, stay under their limit, and are spread over at least half of it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (failures, random) => {
          const pause = backOffMs(failures, random);
          expect(pause).toBeGreaterThanOrEqual(reportBackOff.firstMs / 2);
          expect(pause).toBeLessThanOrEqual(reportBackOff.longestMs);
          expect(backOffMs(failures + 1, random)).toBeGreaterThanOrEqual(pause);
        },
      ),
    );
    expect(backOffMs(50, 0)).toBe(15_000);
    expect(backOffMs(50, 0.999)).toBeGreaterThan(29_000);
  });
});
