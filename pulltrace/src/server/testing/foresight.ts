import type { AgentReport } from "../../contract/index.ts";
import { createBoard } from "../board.ts";
import { defaultLimits } from "../limits.ts";

/** What a pull was told to take and what it then took, both from the moment of telling. */
export interface Foretold {
  readonly pullId: string;
  readonly imageRef: string;
  /** Seconds after the pull's first report. */
  readonly after: number;
  readonly basis: string;
  readonly toldSeconds: number;
  readonly tookSeconds: number;
}

/** Plays reports into a board at the times at which they were made, and holds each told end against the real one. */
export function foretold(reports: readonly { readonly at: number; readonly report: AgentReport }[]): {
  readonly told: readonly Foretold[];
  /** Moments of running pulls, with a told end or without. */
  readonly moments: number;
} {
  let now = 0;
  const board = createBoard({
    historyTtlMs: 3_600_000,
    tenantOf: () => undefined,
    limits: defaultLimits,
    clock: () => now,
    listener: { emitted: () => {}, arrived: () => {}, dropped: () => {} },
  });
  const promises: { pullId: string; at: number; first: number; endsAt: number; basis: string }[] = [];
  const firstSeen = new Map<string, number>();
  let moments = 0;
  for (const { at, report } of reports) {
    now = at;
    board.report(report);
    for (const { id, completedAt, timeLeft } of board.pulls({})) {
      if (completedAt !== undefined) continue;
      moments += 1;
      const first = firstSeen.get(id) ?? at;
      firstSeen.set(id, first);
      if (timeLeft === undefined) continue;
      promises.push({ pullId: id, at, first, endsAt: Date.parse(timeLeft.endsAt), basis: timeLeft.basis });
    }
  }
  const ended = new Map(board.pulls({}).flatMap((pull) => (pull.phase === "done" ? [[pull.id, pull] as const] : [])));
  const told = promises.flatMap(({ pullId, at, first, endsAt, basis }) => {
    const pull = ended.get(pullId);
    if (pull?.completedAt === undefined) return [];
    return {
      pullId,
      imageRef: pull.imageRef,
      after: (at - first) / 1_000,
      basis,
      toldSeconds: (endsAt - at) / 1_000,
      tookSeconds: (Date.parse(pull.completedAt) - at) / 1_000,
    };
  });
  return { told, moments };
}

/** Seconds by which told ends were off, and the same as a part of the time that was left; `p` from 0 to 1. */
export function errorAt(told: readonly Foretold[], p: number): { readonly seconds: number; readonly part: number } {
  const at = (values: number[]): number =>
    values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * p))] ?? Number.NaN;
  const off = ({ toldSeconds, tookSeconds }: Foretold): number => Math.abs(toldSeconds - tookSeconds);
  return { seconds: at(told.map(off)), part: at(told.map((one) => off(one) / Math.max(1, one.tookSeconds))) };
}
