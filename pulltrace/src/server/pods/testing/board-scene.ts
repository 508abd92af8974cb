import type { AgentReport, PullStatus, ReportedPull } from "../../../contract/index.ts";
import { createBoard } from "../../board.ts";
import type { Emission } from "../../emission.ts";
import { defaultLimits } from "../../limits.ts";
import { noon, reportOf } from "../../testing/reports.ts";
import type { WaitingContainer } from "../contract.ts";
import { backOffAfter } from "../next-try.ts";
import { containerOf, scriptedPods, second } from "./pods.ts";

export const image = "registry.example:5000/team-a/shop:1.0";

/** A board with pods that the test sets, a clock that it moves, and everything that was told. */
export function scene() {
  let now = noon;
  const pods = scriptedPods();
  const told: Emission[] = [];
  const board = createBoard({
    historyTtlMs: 600 * second,
    tenantOf: (ref) => (ref.includes("/team-a/") ? "team-a" : undefined),
    limits: defaultLimits,
    clock: () => now,
    listener: { emitted: (emissions) => told.push(...emissions), arrived: () => {}, dropped: () => {} },
    pods,
  });
  pods.subscribe((nodeNames) => board.podsChanged(nodeNames));
  const pulls = (): readonly PullStatus[] => board.pulls({});
  return {
    board,
    told,
    pulls,
    events: (): string[] =>
      told.map(({ event }) => `${event.type}${event.pull === undefined ? "" : ` ${event.pull.phase}`}`),
    waits: (waiting: readonly WaitingContainer[], settled?: "has-image" | "gone"): void =>
      pods.set("node-1", {
        waiting,
        settled: settled === undefined ? [] : [{ image, at: now, how: settled }],
      }),
    report: (reported: readonly ReportedPull[], more: Partial<AgentReport> = {}): boolean =>
      board.report(reportOf(reported, { timestamp: new Date(now).toISOString(), ...more })),
    pass: (milliseconds: number): void => {
      for (let left = milliseconds; left > 0; left -= second) {
        now += Math.min(left, second);
        board.sweep(Math.min(left, second));
      }
    },
    now: () => now,
  };
}
/** A container of team-a's shop that waits since noon. */
export const waiting = (more: Partial<WaitingContainer> = {}): WaitingContainer =>
  containerOf({ image, since: noon, ...more });
/** One that kubelet tried once in vain, at noon. */
export const failing = (more: Partial<WaitingContainer> = {}): WaitingContainer =>
  waiting({
    backOffMs: backOffAfter(more.tries ?? 1),
    reason: "ImagePullBackOff",
    message: `Failed to pull image "${image}": rpc error: code = NotFound desc = ${image}: not found`,
    tries: 1,
    failedAt: noon,
    ...more,
  });
