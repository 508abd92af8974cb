import { nothingLearned, type Speeds } from "../answers/index.ts";
import type { AgentReport, PullStatus, ReportedPull } from "../contract/index.ts";
import { agentClock } from "./agent-clock.ts";
import { addArrival, arrivalOf, arrivedIn } from "./arrival.ts";
import {
  answered,
  explained,
  learn,
  registrySpeedsOf,
  unpackLesson,
  type AnswerContext,
  type Lesson,
  type RegistrySpeed,
} from "./answering.ts";
import { emissionsOf, type Emission } from "./emission.ts";
import { finishedPulls, idForReported, oldestForgettable } from "./finished.ts";
import { keyOf } from "./identity.ts";
import type { NodeState, TrackedPull } from "./node.ts";
import type { NodePods } from "./pods/contract.ts";
import { calmPull, endPull, isEnd, mergePull, type PullContext } from "./pull.ts";
import { speedOf } from "./speed.ts";
import { waitsIn } from "./waits.ts";

export interface MergeOptions {
  /** What was learned of all nodes together. */
  readonly fleet?: Speeds;
  /** How other nodes fare with a registry now. */
  readonly registry?: (host: string) => { readonly nodes: number; readonly slow: number };
  readonly tenantOf: (imageRef: string) => string | undefined;
  /** What Kubernetes knows of the node; absent without it. */
  readonly pods?: NodePods;
  /** How many pulls and layers may be added. */
  readonly room: { readonly pulls: number; readonly layers: number };
  readonly pullsPerNode: number;
  readonly layersPerNode: number;
}

/** What did not fit and was left out. */
export interface Dropped {
  /** Reported pulls that were not taken. */
  readonly pulls: number;
  /** Layers of taken pulls that were not. */
  readonly layers: number;
  /** Finished pulls forgotten before their time. */
  readonly history: number;
}

export interface MergeResult {
  readonly node: NodeState;
  readonly emissions: readonly Emission[];
  /** Bytes that arrived on the node since its last report; a layer of two pulls counts once, what was cached never. */
  readonly arrivedBytes: number;
  readonly dropped: Dropped;
  /** What the report taught about speeds, for all nodes together; recordings teach nothing. */
  readonly lessons: readonly Lesson[];
  /** From which registries the node downloads now. */
  readonly registries: readonly RegistrySpeed[];
}

const defaultIntervalMs = 1_000;
/**
 * Previous state of a node + its report + the time → next state, events to tell, and what did not fit. Pure: the same
 * input gives the same output, and the previous state is not changed.
 *
 * The first report of a node after the server's start is where counting begins: bytes that it brings, and pulls that
 * were over by then, belong to the past and stay out of the metrics (their events are told all the same).
 */
export function mergeReport(
  previous: NodeState | undefined,
  report: AgentReport,
  now: number,
  options: MergeOptions,
): MergeResult {
  const { nodeName } = report;
  const before = previous ?? silentNode(nodeName, now);
  /** What this run of the server heard of the node. */
  const heard = previous?.restored === true ? undefined : previous;
  const clock = agentClock(report.timestamp, now);
  const nowText = new Date(now).toISOString();
  const recording = report.recording === true;
  const reportedKeys = new Set(report.pulls.map(keyOf));
  const finished = finishedPulls(before.finished, before.finishedLayers);
  const running = new Map<string, TrackedPull>();
  const turns: { readonly known: TrackedPull | undefined; readonly pull: TrackedPull }[] = [];
  const dropped = { pulls: 0, layers: 0, history: 0 };

  const adopted = new Map(before.adopted);
  let unmerged = before.running.size;
  let roomForPulls = options.room.pulls;
  let added = 0;
  const layersBefore = countLayers(before.running.values());

  const admit = (reported: ReportedPull): string | undefined => {
    const id = idForReported(nodeName, reported, finished.all(), adopted);
    if (id === undefined) return undefined;
    while (unmerged + running.size + finished.all().size >= options.pullsPerNode) {
      const oldest = oldestForgettable(finished.all(), reportedKeys);
      if (oldest === undefined) break;
      finished.remove(oldest);
      dropped.history += 1;
    }
    if (roomForPulls > 0 && unmerged + running.size + finished.all().size < options.pullsPerNode) {
      roomForPulls -= 1;
      return id;
    }
    dropped.pulls += 1;
    return undefined;
  };

  const waitFor = waitsIn(
    report,
    (reported) =>
      before.running.get(keyOf(reported))?.status.id ?? idForReported(nodeName, reported, before.finished, adopted),
    options.tenantOf,
  );

  for (const reported of report.pulls) {
    const key = keyOf(reported);
    const known = before.running.get(key);
    const admitted = known?.status.id ?? admit(reported);
    if (admitted === undefined) continue;
    // An earlier run of the server had adopted it: readers know it by that id.
    const earlier = adopted.get(admitted);
    const waited = known === undefined && earlier === undefined ? options.pods?.adopt(reported) : undefined;
    const id = waited?.status.id ?? earlier ?? admitted;
    if (waited !== undefined) adopted.set(admitted, id);
    const pods = options.pods?.waitingFor(reported);
    if (known !== undefined) unmerged -= 1;
    const past = heard === undefined && reported.phase !== undefined && isEnd(reported.phase);
    const kept = layersBefore + added + finished.layers();
    const context: PullContext = {
      nodeName,
      clock,
      nowText,
      recording,
      tenantOf: options.tenantOf,
      roomForLayers: Math.min(options.room.layers - added, options.layersPerNode - kept),
      waitFor,
      nameOf: (one, known) => options.pods?.nameOf(one, known) ?? one.imageRef,
      ...(pods === undefined ? {} : { pods }),
    };
    const result = mergePull(known, reported, { id, key, counted: known?.counted ?? (!recording && !past) }, context);
    added += result.pull.layers.size - (known?.layers.size ?? 0);
    dropped.layers += result.droppedLayers;
    turns.push({ known: known ?? waited, pull: result.pull });
    if (isEnd(result.pull.status.phase)) finished.add(result.pull, now, "agent");
    else running.set(key, result.pull);
  }

  const merged = turns.map(({ pull }) => pull);
  const arrived = heard === undefined ? 0 : arrivedIn(heard, merged, () => true);
  const arrivedBytes = before.arrivedBytes + arrived;
  const downloads = merged.some(({ status }) => status.layers.some(({ phase }) => phase === "downloading"));
  const arrival = downloads ? addArrival(before.arrival, now, arrivedBytes) : [];
  const { bytesPerSec, unseenMs } = arrivalOf(arrival);
  const lessons = lessonsOf(turns, bytesPerSec, heard === undefined ? 0 : now - heard.lastReportAt);
  const speeds = lessons.reduce((known, lesson) => learn(known, lesson, now), before.speeds);
  const answers: AnswerContext = {
    bytesPerSec,
    unseenMs,
    node: speeds,
    fleet: options.fleet ?? nothingLearned,
    registry: options.registry ?? (() => ({ nodes: 0, slow: 0 })),
    refused: running.size === 0 ? [] : refusedPulls(before, options.pods),
    now,
  };
  const reportedRunning = [...running.values()];
  for (const pull of answered(reportedRunning, ({ key }) => before.running.get(key), answers))
    running.set(pull.key, pull);
  const emissions: Emission[] = [];
  for (const { known, pull } of turns) {
    const status = isEnd(pull.status.phase) ? explained(pull.status, answers) : undefined;
    if (status !== undefined && status !== pull.status) finished.replace(status);
    const next = status === undefined ? (running.get(pull.key) ?? pull) : { ...pull, status };
    emissions.push(...emissionsOf(known, next, now));
  }

  for (const pull of before.running.values()) {
    if (reportedKeys.has(pull.key)) continue;
    const next = missPull(pull, now);
    emissions.push(...emissionsOf(pull, next, now));
    if (isEnd(next.status.phase)) finished.add(next, now, "server");
    else running.set(next.key, next);
  }

  if (adopted.size > 0) {
    const ids = new Set([...running.values()].map(({ status }) => status.id));
    for (const [admitted, id] of adopted) if (!ids.has(id) && !finished.all().has(id)) adopted.delete(admitted);
  }
  const node: NodeState = {
    nodeName,
    adopted,
    running,
    finished: finished.all(),
    reported: report.pulls,
    reportedKeys,
    finishedLayers: finished.layers(),
    lastReportAt: now,
    silentMs: 0,
    reporting: true,
    reportIntervalMs: report.reportIntervalMs ?? defaultIntervalMs,
    ...(report.agentVersion === undefined ? {} : { agentVersion: report.agentVersion }),
    arrivedBytes,
    arrival,
    speeds,
  };
  const allCount = merged.every(({ counted }) => counted);
  return {
    node,
    emissions,
    arrivedBytes: allCount || heard === undefined ? arrived : arrivedIn(heard, merged, ({ counted }) => counted),
    dropped,
    lessons: recording ? [] : lessons,
    registries: recording ? [] : registrySpeedsOf(reportedRunning, bytesPerSec, speeds, now),
  };
}

function lessonsOf(
  turns: readonly { readonly known: TrackedPull | undefined; readonly pull: TrackedPull }[],
  bytesPerSec: number,
  elapsedMs: number,
): readonly Lesson[] {
  const lessons: Lesson[] = bytesPerSec > 0 && elapsedMs > 0 ? [{ of: "link", bytesPerSec, elapsedMs }] : [];
  for (const { known, pull } of turns) {
    const lesson = unpackLesson(known, pull);
    if (lesson !== undefined) lessons.push(lesson);
  }
  return lessons;
}

/** A node of which nothing is known but its name. */
export function silentNode(nodeName: string, now: number): NodeState {
  return {
    nodeName,
    adopted: new Map(),
    running: new Map(),
    finished: new Map(),
    reported: [],
    reportedKeys: new Set(),
    finishedLayers: 0,
    lastReportAt: now,
    silentMs: 0,
    reporting: true,
    reportIntervalMs: defaultIntervalMs,
    arrivedBytes: 0,
    arrival: [],
    speeds: nothingLearned,
  };
}

/**
 * A running pull that the report leaves out. An older agent tells an end in no other way: two reports without it end
 * it, as done, unless the missing bytes cannot have come in that time. A newer agent tells each end, so a pull that it
 * lost (it was restarted, say) gets some seconds to come back.
 */
function missPull(pull: TrackedPull, now: number): TrackedPull {
  // Time in which the node reported nothing is not time in which its agent did not see the pull.
  const missingSince = pull.missingSince ?? now;
  const missed: TrackedPull = { ...calmPull(pull), missedReports: pull.missedReports + 1, missingSince };
  const goneMs = Math.max(0, now - pull.reportedAt);
  const { totalBytes, downloadedBytes, totalKnown, layers } = pull.status;
  if (pull.older) {
    if (missed.missedReports < 2) return missed;
    const possibleBytes = (4 * speedOf(pull.speed) * goneMs) / 1_000;
    const impossible = totalKnown && possibleBytes > 0 && totalBytes - downloadedBytes > possibleBytes;
    return impossible
      ? endPull(
          missed,
          {
            phase: "failed",
            error: "The download vanished before it can have been complete; see the node's containerd log.",
          },
          now,
        )
      : endPull(missed, { phase: "done" }, now);
  }
  if (missed.missedReports < 3 || now - missingSince < 5_000) return missed;
  const complete = layers.length > 0 && layers.every((layer) => layer.percent === 100);
  return complete
    ? endPull(missed, { phase: "done" }, now)
    : endPull(
        missed,
        { phase: "failed", error: "The agent no longer sees this pull and did not see how it ended." },
        now,
      );
}

/** Pulls of the node that a rate limit made fail, those that only kubelet told of included. */
function refusedPulls(node: NodeState, pods: NodePods | undefined): readonly PullStatus[] {
  const refused = [...(pods?.failed() ?? [])];
  for (const { status } of node.finished.values()) refused.push(status);
  return refused.filter(({ failure }) => failure?.code === "rate-limited");
}

function countLayers(pulls: Iterable<TrackedPull>): number {
  let count = 0;
  for (const pull of pulls) count += pull.layers.size;
  return count;
}
