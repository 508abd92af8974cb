import type { AgentReport, LayerStatus, PullEvent, PullStatus } from "../../contract/index.ts";
import { mergeReport, type MergeOptions, type MergeResult } from "../merge.ts";
import type { NodeState } from "../node.ts";
import { noon, reportOf } from "./reports.ts";

export const mergeOptions: MergeOptions = {
  tenantOf: () => undefined,
  room: { pulls: 100, layers: 1_000 },
  pullsPerNode: 20,
  layersPerNode: 100,
};

/** A node that gets a report each second. The first, empty one is where counting begins. */
export function node(more: Partial<MergeOptions> = {}) {
  let state: NodeState | undefined;
  let now = noon;
  const take = (report: AgentReport, afterMs = 1_000): MergeResult => {
    now += afterMs;
    const result = mergeReport(state, report, now, { ...mergeOptions, ...more });
    state = result.node;
    return result;
  };
  return { take, reports: (...pulls: Parameters<typeof reportOf>[0]) => take(reportOf(pulls)), now: () => now };
}
export const typesOf = (result: MergeResult): readonly string[] => result.emissions.map(({ event }) => event.type);
export const pullIn = (result: MergeResult, type: string): PullStatus => there(eventIn(result, type).pull);
export const layerIn = (result: MergeResult, type: string): LayerStatus => there(eventIn(result, type).layer);
/** The first of the running pulls. */
export const only = (result: MergeResult): PullStatus => there([...result.node.running.values()][0]).status;

const eventIn = (result: MergeResult, type: string): PullEvent =>
  there(result.emissions.find(({ event }) => event.type === type)).event;
function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("it is not there");
  return value;
}
