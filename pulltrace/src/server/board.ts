import { coldStartOf, nothingLearned, rolloutsOf } from "../answers/index.ts";
import type { AgentReport, ColdStart, ImageRollout, NodeStatus, PullStatus, ReportedPull } from "../contract/index.ts";
import { learn, type Lesson } from "./answering.ts";
import type { Emission } from "./emission.ts";
import { withFailures } from "./finished.ts";
import type { ServerLimits } from "./limits.ts";
import { mergeReport, type Dropped } from "./merge.ts";
import { layerCountOf, type NodeState } from "./node.ts";
import { nodeStatusOf } from "./node-status.ts";
import { pageViewOf, type PageView } from "./page-view.ts";
import { isVisible, type ReaderFilter } from "./reader-filter.ts";
import { createRegistryWatch } from "./registry-watch.ts";
import { createBoardRows, viewFor, type PodSource } from "./pods/index.ts";
import { sweepNode } from "./silence.ts";
import { restoredNodes } from "./state/restored-nodes.ts";
import type { Adoption, LearnedSpeeds, RestoredState, StoredPull } from "./state/pull-state.ts";

/** Who is told what happens on the board. */
export interface BoardListener {
  emitted(emissions: readonly Emission[]): void;
  arrived(bytes: number): void;
  /** A running pull goes on under the id of the row in which its pods waited. */
  adopted?(adoption: Adoption): void;
  /** A pull that really happened came to its end. */
  ended?(pull: StoredPull): void;
  dropped(what: Dropped & { readonly nodes: number }): void;
}

/** The pulls of all nodes: the one place with state, around the pure rules. */
export interface Board {
  /** False when the board has no place for another node. */
  report(report: AgentReport): boolean;
  /** The pulls of the node's last report. */
  lastReported(nodeName: string): readonly ReportedPull[] | undefined;
  /** Pods of these nodes began or ceased to wait. */
  podsChanged(nodeNames: Iterable<string>): void;
  /** To be called each second or so; `elapsedMs` since the last call. */
  sweep(elapsedMs: number): void;
  /** Running pulls first, newest start first; then finished ones, newest end first. */
  pulls(filter: ReaderFilter): readonly PullStatus[];
  /** The first rows in that order, and sums over all. */
  page(filter: ReaderFilter, rows: number): PageView;
  nodes(filter: ReaderFilter): readonly NodeStatus[];
  /** Images with running pulls first. */
  images(filter: ReaderFilter): readonly ImageRollout[];
  /**
   * What the image takes on a cold node: `filter.nodeName` when given, else on a usual one. Undefined when no pull of
   * it is visible or its sizes are unknown.
   */
  coldStart(imageRef: string, filter: ReaderFilter): ColdStart | undefined;
  /** What is known of speeds now, to be kept for the next run of the server. */
  learned(): LearnedSpeeds;
  /** For metrics: recordings left out. */
  activePulls(): number;
  connectedAgents(): number;
  /** What is kept, for bounds and tests. */
  size(): { readonly nodes: number; readonly pulls: number; readonly layers: number };
}

export interface BoardOptions {
  readonly historyTtlMs: number;
  readonly tenantOf: (imageRef: string) => string | undefined;
  readonly limits: ServerLimits;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly listener: BoardListener;
  /** Which pods wait for what; absent without Kubernetes. */
  readonly pods?: PodSource;
  /** What an earlier run of the server left. */
  readonly restored?: RestoredState;
}

export function createBoard(options: BoardOptions): Board {
  const { limits, clock, listener, historyTtlMs } = options;
  const nodes = new Map<string, NodeState>();
  /** Finished pulls of all nodes, oldest end first; some of them may be forgotten already. */
  let ends: { readonly nodeName: string; readonly id: string }[] = [];
  const registries = createRegistryWatch();
  let fleet = options.restored?.fleet ?? nothingLearned;
  let pullCount = 0;
  let layerCount = 0;
  const rows = createBoardRows({ source: options.pods, tenantOf: options.tenantOf, clock, historyTtlMs });

  const put = (nodeName: string, next: NodeState | undefined): void => {
    const previous = nodes.get(nodeName);
    if (previous !== undefined) {
      pullCount -= previous.running.size + previous.finished.size;
      layerCount -= layerCountOf(previous);
    }
    if (next === undefined) nodes.delete(nodeName);
    else {
      nodes.set(nodeName, next);
      pullCount += next.running.size + next.finished.size;
      layerCount += layerCountOf(next);
    }
  };

  const tell = (emissions: readonly Emission[]): void => {
    for (const { event } of emissions) {
      const ended = event.type === "pull.completed" || event.type === "pull.failed";
      if (!ended || event.pull === undefined) continue;
      const { nodeName, pull } = event;
      ends.push({ nodeName, id: pull.id });
      const kept = nodes.get(nodeName)?.finished.get(pull.id);
      if (kept !== undefined && pull.recording !== true) listener.ended?.({ ...kept, nodeName });
    }
    if (emissions.length > 0) listener.emitted(emissions);
  };

  if (options.restored !== undefined) {
    for (const node of restoredNodes(options.restored, limits, clock())) put(node.nodeName, node);
    ends = options.restored.pulls.map(({ nodeName, status }) => ({ nodeName, id: status.id }));
  }

  const forget = (nodeName: string, id: string): boolean => {
    const node = nodes.get(nodeName);
    const pull = node?.finished.get(id);
    if (node === undefined || pull === undefined || node.reportedKeys.has(pull.key)) return false;
    const finished = new Map(node.finished);
    finished.delete(id);
    put(nodeName, { ...node, finished, finishedLayers: node.finishedLayers - pull.status.layers.length });
    return true;
  };
  const stillThere = ({ nodeName, id }: { nodeName: string; id: string }): boolean =>
    nodes.get(nodeName)?.finished.has(id) === true;

  /** Keeps a tenth of the place free for what runs, at the cost of the oldest history. */
  const makeRoom = (): number => {
    const most = { pulls: limits.pulls * 0.9, layers: limits.layers * 0.9 };
    if (pullCount <= most.pulls && layerCount <= most.layers) return 0;
    let forgotten = 0;
    const kept: typeof ends = [];
    for (const end of ends) {
      if (pullCount <= most.pulls && layerCount <= most.layers) kept.push(end);
      else if (forget(end.nodeName, end.id)) forgotten += 1;
      else if (stillThere(end)) kept.push(end);
    }
    ends = kept;
    return forgotten;
  };

  const placeForNode = (nodeName: string): boolean => {
    if (nodes.has(nodeName) || nodes.size < limits.nodes) return true;
    for (const [name, node] of nodes) {
      if (node.reporting || node.running.size > 0) continue;
      put(name, undefined);
      registries.note(name, []);
      return true;
    }
    return false;
  };

  const pulls = (filter: ReaderFilter): readonly PullStatus[] => {
    const now = clock();
    const running: PullStatus[] = [];
    const finished: PullStatus[] = [];
    const add = (to: PullStatus[], status: PullStatus): void => {
      if (isVisible(filter, status)) to.push(viewFor(filter.boundTo, status));
    };
    const shown = rows.ids();
    for (const node of nodes.values()) {
      for (const { status } of node.running.values()) add(running, status);
      for (const { status, endedAt } of node.finished.values())
        if (now - endedAt < historyTtlMs && !shown.has(status.id)) add(finished, status);
    }
    for (const status of rows.open()) add(running, status);
    for (const status of rows.ended()) add(finished, status);
    running.sort((a, b) => (a.startedAt < b.startedAt ? 1 : a.startedAt > b.startedAt ? -1 : 0));
    finished.sort((a, b) =>
      (a.completedAt ?? "") < (b.completedAt ?? "") ? 1 : (a.completedAt ?? "") > (b.completedAt ?? "") ? -1 : 0,
    );
    return [...running, ...finished];
  };

  const refreshRows = (nodeNames: Iterable<string>): void => {
    for (const nodeName of nodeNames) {
      const emissions = rows.refresh(nodeName, nodes.get(nodeName));
      const node = nodes.get(nodeName);
      const finished = node === undefined ? undefined : withFailures(node.finished, emissions);
      if (node !== undefined && finished !== undefined) put(nodeName, { ...node, finished });
      tell(emissions);
    }
  };

  return {
    podsChanged: refreshRows,
    report(report) {
      if (!placeForNode(report.nodeName)) {
        listener.dropped({ pulls: 0, layers: 0, history: 0, nodes: 1 });
        return false;
      }
      const forgotten = makeRoom();
      const now = clock();
      const result = mergeReport(nodes.get(report.nodeName), report, now, {
        fleet,
        registry: (host) => registries.others(report.nodeName, host),
        tenantOf: options.tenantOf,
        ...(options.pods === undefined ? {} : { pods: rows.podsFor(report) }),
        room: { pulls: limits.pulls - pullCount, layers: limits.layers - layerCount },
        pullsPerNode: limits.pullsPerNode,
        layersPerNode: limits.layersPerNode,
      });
      const adoptedBefore = nodes.get(report.nodeName)?.adopted;
      put(report.nodeName, result.node);
      for (const [ownId, id] of result.node.adopted)
        if (adoptedBefore?.get(ownId) !== id) listener.adopted?.({ nodeName: report.nodeName, ownId, id });
      registries.note(report.nodeName, result.registries);
      for (const lesson of result.lessons) fleet = learn(fleet, lessonForAll(lesson, nodes.size), now);
      tell(result.emissions);
      refreshRows([report.nodeName]);
      if (result.arrivedBytes > 0) listener.arrived(result.arrivedBytes);
      const { pulls, layers, history } = result.dropped;
      if (pulls + layers + history + forgotten > 0) {
        listener.dropped({ pulls, layers, history: history + forgotten, nodes: 0 });
      }
      return true;
    },
    lastReported: (nodeName) => nodes.get(nodeName)?.reported,
    sweep(elapsedMs) {
      const now = clock();
      for (const [nodeName, node] of nodes) {
        const result = sweepNode(node, elapsedMs, now, historyTtlMs);
        put(nodeName, result.node);
        if (result.node?.reporting !== true) registries.note(nodeName, []);
        tell(result.emissions);
      }
      refreshRows(rows.nodeNames());
      if (ends.length > 1_000 && ends.length > 2 * pullCount) ends = ends.filter(stillThere);
    },
    pulls,
    page: (filter, most) =>
      pageViewOf(nodes.values(), filter, { rows: most, now: clock(), historyTtlMs, waiting: rows }),
    images: (filter) => rolloutsOf(pulls(filter)),
    coldStart(imageRef, { nodeName, ...filter }) {
      // Any node's pull of the image tells its layers; the node in question is the one that would pull it.
      const pull = pulls(filter).find((one) => one.imageRef === imageRef && one.totalKnown);
      if (pull === undefined) return undefined;
      const node = nodeName === undefined ? undefined : nodes.get(nodeName);
      const visible = node !== undefined && nodeStatusOf(node, filter) !== undefined;
      return coldStartOf(pull, visible ? node.speeds : nothingLearned, fleet);
    },
    nodes(filter) {
      const statuses: NodeStatus[] = [];
      for (const node of nodes.values()) {
        const status = nodeStatusOf(node, filter);
        if (status !== undefined) statuses.push(status);
      }
      return statuses.sort((a, b) => (a.nodeName < b.nodeName ? -1 : 1));
    },
    activePulls() {
      let count = 0;
      for (const node of nodes.values()) for (const pull of node.running.values()) if (pull.counted) count += 1;
      return count;
    },
    learned: () => ({ fleet, nodes: [...nodes].map(([name, { speeds }]) => [name, speeds] as const) }),
    connectedAgents() {
      let count = 0;
      for (const node of nodes.values()) if (node.reporting) count += 1;
      return count;
    },
    size: () => ({ nodes: nodes.size, pulls: pullCount, layers: layerCount }),
  };
}

/** Many nodes download at a time: the average of all counts each by its part. */
function lessonForAll(lesson: Lesson, nodes: number): Lesson {
  return lesson.of === "link" ? { ...lesson, elapsedMs: lesson.elapsedMs / Math.max(1, nodes) } : lesson;
}
