import { Problem } from "@waybill/foundation/errors";
import type { AgentReport, ReportedPull } from "../../contract/index.ts";
import { noPlace } from "../refusal.ts";
import { createBatchWriter, type ReportBatch } from "./batch.ts";
import type { KeptBounds } from "./kept-reports.ts";
import type { Outcome } from "./protocol.ts";

interface Waiting {
  readonly report: AgentReport;
  readonly settle: (taken: boolean) => void;
  readonly fail: (reason: Error) => void;
}

/** A batch must not hold up streams and pages for long. */
const mostInBatch = 128;
/**
 * While one is under way the next waits until it is worth a message. Several of them are on their way at a time, so that
 * the other thread finds the next one when it is done, and does not wait for this one to come around.
 */
const worthwhile = 64;
const mostUnderWay = 8;

export interface Handover {
  /** Resolves when the report was merged; false when there was no place for its node. @throws Problem 500, 503 */
  take(report: AgentReport): Promise<boolean>;
  refused(): void;
  known(nodeName: string): readonly ReportedPull[] | undefined;
  /** What became of the oldest batch that is under way. */
  settle(outcome: Outcome): void;
}

/**
 * Hands reports to the thread that merges them: at once when it waits, and the more at a time the busier it is. No report
 * is answered before it was merged, so that nothing piles up here but one report of each agent.
 */
export function createHandover(options: {
  readonly send: (batch: ReportBatch, refused: number) => void;
  readonly bounds: KeptBounds;
  /** More reports than these are not kept waiting. */
  readonly mostWaiting: number;
}): Handover {
  const { send, mostWaiting } = options;
  const writer = createBatchWriter(options.bounds);
  let waiting: Waiting[] = [];
  const underWay: (readonly Waiting[])[] = [];
  let refused = 0;
  let planned: NodeJS.Immediate | undefined;

  const isDue = (): boolean =>
    underWay.length === 0
      ? waiting.length + refused > 0
      : waiting.length >= worthwhile && underWay.length < mostUnderWay;
  const flush = (): void => {
    planned = undefined;
    while (isDue()) {
      const batch = waiting.slice(0, mostInBatch);
      waiting = waiting.slice(mostInBatch);
      underWay.push(batch);
      send(writer.write(batch.map(({ report }) => report)), refused);
      refused = 0;
    }
  };
  /** At the end of this turn of the event loop, with all that it read. */
  const plan = (): void => {
    if (planned === undefined && isDue()) planned = setImmediate(flush);
  };

  return {
    take(report) {
      if (waiting.length >= mostWaiting) throw noPlace("The server does not keep up with the reports.");
      return new Promise((settle, fail) => {
        waiting.push({ report, settle, fail });
        plan();
      });
    },
    refused() {
      refused += 1;
      plan();
    },
    known: (nodeName) => writer.known(nodeName),
    settle({ unplaced, failed }) {
      const sent = underWay.shift() ?? [];
      const lost = new Set([...unplaced, ...failed]);
      if (lost.size > 0) writer.forget(sent.filter((_, place) => lost.has(place)).map(({ report }) => report));
      for (const [place, { settle, fail }] of sent.entries()) {
        if (lost.size === 0 || !lost.has(place)) settle(true);
        else if (unplaced.includes(place)) settle(false);
        else fail(notMerged());
      }
      plan();
    },
  };
}

function notMerged(): Problem {
  return new Problem({
    code: "PT-500",
    status: 500,
    title: "Internal error",
    detail: "The server could not merge this report. Its log says why.",
  });
}
