import type { AgentReport, PullStatus } from "../../contract/index.ts";
import type { Emission } from "../emission.ts";
import type { NodeState } from "../node.ts";
import type { NodePods, PodSource } from "./contract.ts";
import { needsOf, type ImageNeed } from "./image-need.ts";
import { nodePods } from "./node-pods.ts";
import { nextRows, noRows, type NodeRows } from "./waiting-rows.ts";

/** The rows of all nodes: the state between the pod source and the board. */
export interface BoardRows {
  /** What merging a report of the node needs. */
  podsFor(report: AgentReport): NodePods;
  /** Brings a node's rows up to its pods, its pulls and the time. */
  refresh(nodeName: string, node: NodeState | undefined): readonly Emission[];
  /** Nodes that have needs or rows: they change with time alone. */
  nodeNames(): Iterable<string>;
  /** Rows of all nodes that pods still need. */
  open(): Iterable<PullStatus>;
  /** Rows that are over, within the history. */
  ended(): Iterable<PullStatus>;
  /** Ids of the open ones: each stands in place of the finished pull of the same id. */
  ids(): ReadonlySet<string>;
}

/** Rows of all nodes together; beyond this, new ones are left out. */
const mostRows = 20_000;

export function createBoardRows(options: {
  readonly source: PodSource | undefined;
  readonly tenantOf: (imageRef: string) => string | undefined;
  readonly clock: () => number;
  readonly historyTtlMs: number;
}): BoardRows {
  const { source, clock } = options;
  const nodes = new Map<string, NodeRows>();
  /** Needs as of the last change, so that their lists of pods stay the same arrays. */
  const needs = new Map<string, { readonly key: string; readonly needs: readonly ImageNeed[] }>();
  let openCount = 0;

  const needsOn = (nodeName: string): readonly ImageNeed[] => {
    const waiting = source?.podsOn(nodeName).waiting ?? [];
    if (waiting.length === 0) {
      needs.delete(nodeName);
      return [];
    }
    const key = JSON.stringify(waiting);
    const known = needs.get(nodeName);
    if (known?.key === key) return known.needs;
    const now = needsOf(waiting).map((need) => {
      const before = known?.needs.find(({ image }) => image === need.image);
      const samePods = before !== undefined && JSON.stringify(before.pods) === JSON.stringify(need.pods);
      return samePods ? { ...need, pods: before.pods } : need;
    });
    needs.set(nodeName, { key, needs: now });
    return now;
  };

  return {
    podsFor: (report) => nodePods(report, needsOn(report.nodeName), nodes.get(report.nodeName) ?? noRows),
    refresh(nodeName, node) {
      if (source === undefined) return [];
      const previous = nodes.get(nodeName) ?? noRows;
      const needed = needsOn(nodeName);
      if (needed.length === 0 && previous.open.size === 0 && previous.ended.size === 0) {
        nodes.delete(nodeName);
        return [];
      }
      const running = [...(node?.running.values() ?? [])].map(({ status }) => status);
      const { rows, emissions } = nextRows(previous, {
        node: { nodeName, running, reporting: node?.reporting === true, now: clock() },
        needs: openCount >= mostRows ? needed.filter(({ image }) => previous.open.has(image)) : needed,
        settled: source.podsOn(nodeName).settled,
        running,
        finished: node?.finished ?? new Map(),
        tenantOf: options.tenantOf,
        historyTtlMs: options.historyTtlMs,
      });
      openCount += rows.open.size - previous.open.size;
      if (rows.open.size + rows.ended.size + rows.seen.size === 0) nodes.delete(nodeName);
      else nodes.set(nodeName, rows);
      return emissions;
    },
    nodeNames: () => [...nodes.keys()],
    *open() {
      for (const { open } of nodes.values()) for (const { pull } of open.values()) yield pull.status;
    },
    *ended() {
      for (const { ended } of nodes.values()) for (const { status } of ended.values()) yield status;
    },
    ids() {
      const ids = new Set<string>();
      for (const { open } of nodes.values()) for (const { pull } of open.values()) ids.add(pull.status.id);
      return ids;
    },
  };
}
