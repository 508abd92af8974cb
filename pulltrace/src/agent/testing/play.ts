import type { ReportedPull } from "../../contract/index.ts";
import { attribute, type AttributionState, emptyState, glance, reportedPulls } from "../attribution/index.ts";
import type { Moment } from "./moments.ts";

export interface Told {
  readonly at: number;
  readonly pulls: readonly ReportedPull[];
}

const options = { nodeName: "node-1", platform: "linux/amd64", keepFinishedMs: 60_000 };

function after(state: AttributionState, moment: Moment): AttributionState {
  return moment.kind === "look" ? attribute(state, moment.observation, options) : glance(state, moment.glance);
}

/** What an agent that saw these moments would have reported at each look. */
export function told(moments: readonly Moment[], from: AttributionState = emptyState): Told[] {
  const reports: Told[] = [];
  let state = from;
  for (const moment of moments) {
    state = after(state, moment);
    if (moment.kind === "glance") continue;
    const at = moment.observation.at;
    reports.push({ at, pulls: reportedPulls(state, at, options.keepFinishedMs) });
  }
  return reports;
}

/** The pull as it was told, look by look, from its first appearance on. */
export function historyOf(reports: readonly Told[], repository: string): ReportedPull[] {
  return reports.flatMap((report) => report.pulls.filter((pull) => pull.imageRef.includes(`/${repository}`)));
}

/** The distinct values in the order in which they came. */
export function steps<T>(values: readonly T[]): T[] {
  return values.filter((value, index) => index === 0 || value !== values[index - 1]);
}
