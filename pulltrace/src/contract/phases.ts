import type { PullPhase, PullStatus } from "./pull.ts";

const runningPhases: ReadonlySet<PullPhase> = new Set(["resolving", "downloading", "unpacking"]);

/** Bytes are on their way, or being asked for or unpacked. */
export function isRunning(pull: Pick<PullStatus, "phase">): boolean {
  return runningPhases.has(pull.phase);
}

/** The last try failed, and pods still need the image: the row may go on under the same id, and is never old. */
export function isFailing(pull: Pick<PullStatus, "phase" | "waitsFor" | "nextTryAt">): boolean {
  return pull.phase === "failed" && (pull.waitsFor !== undefined || pull.nextTryAt !== undefined);
}

/** Nothing more will be told of it. Neither running nor over are `waiting` pulls and those that are failing. */
export function isOver(pull: Pick<PullStatus, "phase" | "waitsFor" | "nextTryAt">): boolean {
  return !isRunning(pull) && pull.phase !== "waiting" && !isFailing(pull);
}
