import { createHash } from "node:crypto";
import type { AgentReport, ReportedLayer, ReportedPull } from "../contract/index.ts";

/** How a recorded time becomes a time of now. */
export interface Shift {
  /** Milliseconds since 1970 when the recording was made. */
  readonly recordedAt: number;
  /** … and when its replay began. */
  readonly replayedAt: number;
  /** 2 is twice as fast. */
  readonly speed: number;
}

/**
 * The report as if it were made now, and marked as a recording. Each replay gives its pulls ids of their own, so that a
 * replay that is run twice shows pulls twice instead of ends that were told before.
 */
export function shiftReport(report: AgentReport, shift: Shift): AgentReport {
  return {
    ...report,
    recording: true,
    timestamp: shiftTime(report.timestamp, shift),
    pulls: report.pulls.map((pull) => shiftPull(pull, shift)),
  };
}

function shiftPull(pull: ReportedPull, shift: Shift): ReportedPull {
  return {
    ...pull,
    startedAt: shiftTime(pull.startedAt, shift),
    ...(pull.id === undefined ? {} : { id: replayedId(pull.id, shift.replayedAt) }),
    ...(pull.completedAt === undefined ? {} : { completedAt: shiftTime(pull.completedAt, shift) }),
    layers: pull.layers.map((layer) => shiftLayer(layer, shift)),
  };
}

function shiftLayer(layer: ReportedLayer, shift: Shift): ReportedLayer {
  return {
    ...layer,
    ...(layer.waitsFor === undefined ? {} : { waitsFor: replayedId(layer.waitsFor, shift.replayedAt) }),
    ...(layer.startedAt === undefined ? {} : { startedAt: shiftTime(layer.startedAt, shift) }),
    ...(layer.completedAt === undefined ? {} : { completedAt: shiftTime(layer.completedAt, shift) }),
  };
}

/** What is no time stays as it is: the server says so. */
function shiftTime(text: string, shift: Shift): string {
  const at = Date.parse(text);
  if (Number.isNaN(at)) return text;
  return new Date(shift.replayedAt + (at - shift.recordedAt) / shift.speed).toISOString();
}

function replayedId(id: string, replayedAt: number): string {
  return createHash("sha256").update(`${id}\0${replayedAt}`).digest("hex").slice(0, 24);
}
