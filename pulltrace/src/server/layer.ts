import type { LayerPhase, LayerStatus, LayerWait, PullEventType, ReportedLayer } from "../contract/index.ts";
import { agentTime, type AgentClock } from "./agent-clock.ts";
import type { TrackedLayer } from "./node.ts";
import { percentOf } from "./progress.ts";
import { addSample, speedOf, type SpeedWindow } from "./speed.ts";

export type LayerEventName = Extract<PullEventType, `layer.${string}`>;

/** What merging a layer needs to know about its pull. */
export interface LayerContext {
  readonly pullId: string;
  /** Milliseconds. */
  readonly pullStartedAt: number;
  /** Milliseconds: the last report that had the pull. */
  readonly reportedAt?: number;
  readonly clock: AgentClock;
  /** The pull is done, and so is each of its layers. */
  readonly pullDone: boolean;
  /** Milliseconds: the end of the pull, when it has one. */
  readonly pullEndedAt?: number;
  /** What readers see of the pull that has this id in the report. */
  readonly waitFor?: (reportedId: string) => LayerWait | undefined;
}

/** The phase of a layer of an older agent, which tells bytes only and cannot see unpacking. */
function derivedLayerPhase(layer: ReportedLayer): LayerPhase {
  if (layer.cached === true) return "cached";
  if (layer.totalKnown && layer.totalBytes > 0 && layer.downloadedBytes >= layer.totalBytes) return "done";
  return layer.downloadedBytes > 0 ? "downloading" : "waiting";
}

function phaseOf(reported: ReportedLayer, context: LayerContext): LayerPhase {
  const phase = reported.phase ?? derivedLayerPhase(reported);
  return context.pullDone && phase !== "cached" ? "done" : phase;
}

/** Previous state and report → next state. What was complete stays complete for the life of the pull. */
export function mergeLayer(
  previous: TrackedLayer | undefined,
  reported: ReportedLayer,
  context: LayerContext,
): TrackedLayer {
  if (previous?.completed === true) return previous.missedReports === 0 ? previous : { ...previous, missedReports: 0 };
  const { clock } = context;
  const phase = phaseOf(reported, context);
  if (previous !== undefined && phase === "waiting" && stillWaits(previous, reported)) return previous;
  if (previous !== undefined && phase === "downloading" && goesOn(previous, reported))
    return nextPiece(previous, reported, clock.now);
  const completed = phase === "done" || phase === "cached";
  const cached = phase === "cached" || reported.cached === true;
  const size = sizeOf(reported, completed, cached);
  const before = previous?.status;
  const started =
    previous?.started === true || (phase !== "waiting" && phase !== "cached") || (size.downloadedBytes > 0 && !cached);

  const arrived = cached ? 0 : Math.max(0, size.downloadedBytes - (before?.downloadedBytes ?? 0));
  const transferredBytes = (previous?.transferredBytes ?? 0) + arrived;
  const speed = completed ? [] : addSample(speedBefore(previous, context), clock.now, transferredBytes);
  const startedAt = startOf(previous, reported, started, context);
  const arrivedAt = arrivalOf(reported, startedAt, phase, before, clock);
  const completedAt = completed ? endOf(reported, startedAt, phase, previous, context) : undefined;
  const waits = phase === "waiting" || phase === "downloading";
  const wait = waits && reported.waitsFor !== undefined ? context.waitFor?.(reported.waitsFor) : undefined;

  const status: LayerStatus = {
    pullId: context.pullId,
    digest: reported.digest,
    mediaType: reported.mediaType === "" ? (before?.mediaType ?? "") : reported.mediaType,
    ...size,
    bytesPerSec: phase === "downloading" ? speedOf(speed) : 0,
    percent: completed ? 100 : percentOf(size.downloadedBytes, size.totalBytes, size.totalKnown, before?.percent ?? 0),
    startedAt,
    ...(completedAt === undefined ? {} : { completedAt }),
    phase,
    cached,
    ...(arrivedAt === undefined ? {} : { downloadedAt: new Date(arrivedAt).toISOString() }),
    ...unpackingSeen(before, phase, clock),
    ...(wait === undefined ? {} : { waitsFor: wait }),
  };
  // The same object for the same content: later comparisons then cost nothing.
  const kept = before !== undefined && sameLayer(before, status) ? before : status;
  return { status: kept, speed, transferredBytes, missedReports: 0, started, completed };
}

/** Most layers of a busy node wait, report after report: nothing of them needs to be worked out anew. */
function stillWaits(previous: TrackedLayer, reported: ReportedLayer): boolean {
  const { status, started, missedReports } = previous;
  return (
    !started &&
    missedReports === 0 &&
    status.phase === "waiting" &&
    reported.cached !== true &&
    reported.downloadedBytes === 0 &&
    status.downloadedBytes === 0 &&
    saysTheSame(status, reported)
  );
}

/** A layer that downloads as it did, and has got no smaller or larger than it can be. */
function goesOn({ status, started }: TrackedLayer, reported: ReportedLayer): boolean {
  return (
    started &&
    status.phase === "downloading" &&
    !status.cached &&
    reported.cached !== true &&
    status.totalKnown &&
    reported.downloadedBytes >= status.downloadedBytes &&
    reported.downloadedBytes <= status.totalBytes &&
    saysTheSame(status, reported)
  );
}

function saysTheSame(status: LayerStatus, reported: ReportedLayer): boolean {
  return (
    status.totalBytes === reported.totalBytes &&
    status.totalKnown === reported.totalKnown &&
    status.waitsFor === undefined &&
    reported.waitsFor === undefined &&
    (reported.mediaType === "" || status.mediaType === reported.mediaType)
  );
}

/** The state of a layer that goes on: with more bytes, and nothing else. */
function nextPiece(previous: TrackedLayer, { downloadedBytes }: ReportedLayer, now: number): TrackedLayer {
  const { status, started, completed } = previous;
  const transferredBytes = previous.transferredBytes + downloadedBytes - status.downloadedBytes;
  const speed = addSample(previous.speed, now, transferredBytes);
  const bytesPerSec = speedOf(speed);
  const same = downloadedBytes === status.downloadedBytes && bytesPerSec === status.bytesPerSec;
  const percent = percentOf(downloadedBytes, status.totalBytes, true, status.percent);
  return {
    status: same ? status : { ...status, downloadedBytes, bytesPerSec, percent },
    speed,
    transferredBytes,
    missedReports: 0,
    started,
    completed,
  };
}

/** While a layer waits no samples are taken: until the last report there was nothing of it. */
function speedBefore(previous: TrackedLayer | undefined, { reportedAt }: LayerContext): SpeedWindow {
  if (previous === undefined) return [];
  return previous.started || reportedAt === undefined
    ? previous.speed
    : [{ at: reportedAt, bytes: previous.transferredBytes }];
}

/** Fixed when the first byte is seen; until then, and for cached layers, the start of the pull. */
function startOf(
  previous: TrackedLayer | undefined,
  reported: ReportedLayer,
  started: boolean,
  context: LayerContext,
): string {
  if (previous?.started === true) return previous.status.startedAt;
  const { clock, pullStartedAt } = context;
  const time = started ? agentTime(clock, reported.startedAt, clock.now, pullStartedAt) : pullStartedAt;
  return new Date(time).toISOString();
}

/** When the last byte was there, as far as the agent tells: at the latest when the layer was first seen complete. */
function arrivalOf(
  reported: ReportedLayer,
  startedAt: string,
  phase: LayerPhase,
  before: LayerStatus | undefined,
  clock: AgentClock,
): number | undefined {
  if (phase !== "downloaded" && phase !== "unpacking" && phase !== "done") return undefined;
  if (before?.downloadedAt !== undefined) return Date.parse(before.downloadedAt);
  if (phase === "done" && reported.completedAt === undefined) return undefined;
  const start = Date.parse(startedAt);
  return agentTime(clock, reported.completedAt, Math.max(start, clock.now), start);
}

function unpackingSeen(
  before: LayerStatus | undefined,
  phase: LayerPhase,
  clock: AgentClock,
): { readonly unpackingAt?: string } {
  if (before?.unpackingAt !== undefined) return { unpackingAt: before.unpackingAt };
  // Seen at first sight, it may have begun at any time.
  return phase === "unpacking" && before !== undefined ? { unpackingAt: new Date(clock.now).toISOString() } : {};
}

/** The agent's time is that of the last byte. Where the server saw the layer before, it knows the end better. */
function endOf(
  reported: ReportedLayer,
  startedAt: string,
  phase: LayerPhase,
  previous: TrackedLayer | undefined,
  context: LayerContext,
): string {
  const { clock } = context;
  const start = Date.parse(startedAt);
  if (phase === "done" && (previous?.status.phase === "downloaded" || previous?.status.phase === "unpacking")) {
    const arrived = Date.parse(previous.status.downloadedAt ?? startedAt);
    return new Date(Math.max(arrived, Math.min(clock.now, context.pullEndedAt ?? clock.now))).toISOString();
  }
  return new Date(
    agentTime(clock, reported.completedAt, phase === "cached" ? start : Math.max(start, clock.now), start),
  ).toISOString();
}

/** A total of 0 is not a total: ingests have it for a moment before the registry answers. */
function sizeOf(reported: ReportedLayer, completed: boolean, cached: boolean) {
  const told = reported.totalKnown && reported.totalBytes > 0;
  if (told) {
    const { totalBytes } = reported;
    const all = completed || cached || reported.downloadedBytes > totalBytes;
    return { totalBytes, downloadedBytes: all ? totalBytes : reported.downloadedBytes, totalKnown: true };
  }
  const { downloadedBytes } = reported;
  if (completed && downloadedBytes > 0) return { totalBytes: downloadedBytes, downloadedBytes, totalKnown: true };
  return { totalBytes: 0, downloadedBytes, totalKnown: false };
}

/** A layer that the report left out. Older agents list only what still downloads: gone for two reports is done. */
export function missLayer(previous: TrackedLayer, older: boolean, context: LayerContext): TrackedLayer {
  const missedReports = previous.missedReports + 1;
  if (previous.completed) return previous;
  const {
    startedAt: _,
    completedAt: __,
    phase: ___,
    downloadedAt: ____,
    unpackingAt: _____,
    waitsFor: ______,
    ...last
  } = previous.status;
  if (context.pullDone || (older && missedReports >= 2 && previous.started)) {
    return mergeLayer(previous, { ...last, phase: "done" }, context);
  }
  return { ...calmLayer(previous), missedReports };
}

/** The same layer with no speed: nobody reports it at the moment. */
export function calmLayer(layer: TrackedLayer): TrackedLayer {
  return layer.status.bytesPerSec === 0 ? layer : { ...layer, status: { ...layer.status, bytesPerSec: 0 } };
}

/** The events that lead from one state to the next: at most one progress, each of the others once in a layer's life. */
export function layerEventsOf(previous: TrackedLayer | undefined, next: TrackedLayer): readonly LayerEventName[] {
  const begins = next.started && previous?.started !== true;
  // A cached layer never starts: it is only completed.
  const ends = next.completed && previous?.completed !== true;
  if (begins) return ends ? ["layer.started", "layer.completed"] : ["layer.started"];
  if (ends) return ["layer.completed"];
  return previous !== undefined && previous.status !== next.status ? ["layer.progress"] : [];
}

function sameLayer(a: LayerStatus, b: LayerStatus): boolean {
  return (
    a.downloadedBytes === b.downloadedBytes &&
    a.bytesPerSec === b.bytesPerSec &&
    a.phase === b.phase &&
    a.percent === b.percent &&
    a.totalBytes === b.totalBytes &&
    a.totalKnown === b.totalKnown &&
    a.mediaType === b.mediaType &&
    a.cached === b.cached &&
    a.startedAt === b.startedAt &&
    a.completedAt === b.completedAt &&
    a.downloadedAt === b.downloadedAt &&
    a.unpackingAt === b.unpackingAt &&
    a.waitsFor?.pullId === b.waitsFor?.pullId &&
    a.waitsFor?.imageRef === b.waitsFor?.imageRef
  );
}
