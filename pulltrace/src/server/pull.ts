import { explainFailure } from "../answers/index.ts";
import type {
  Failure,
  LayerStatus,
  LayerWait,
  PodReference,
  PullPhase,
  PullStatus,
  ReportedPull,
} from "../contract/index.ts";
import { agentTime, type AgentClock } from "./agent-clock.ts";
import { calmLayer, mergeLayer, missLayer, type LayerContext } from "./layer.ts";
import type { TrackedLayer, TrackedPull } from "./node.ts";
import { etaOf, percentOf } from "./progress.ts";
import { addSample, speedOf } from "./speed.ts";

/** What merging a pull needs to know about its report and node. */
export interface PullContext {
  readonly nodeName: string;
  readonly clock: AgentClock;
  /** RFC 3339 of `clock.now`. */
  readonly nowText: string;
  readonly recording: boolean;
  readonly tenantOf: (imageRef: string) => string | undefined;
  /** How many more layers may be kept. */
  readonly roomForLayers: number;
  /** What readers of a tenant's pull see of the pull that has this id in the report. */
  readonly waitFor: (reportedId: string, tenant: string | undefined) => LayerWait | undefined;
  /** The name that readers see, from the reported one and the one that they saw last. */
  readonly nameOf: (reported: ReportedPull, known: string | undefined) => string;
  /** Those that wait for the pull now; absent when nobody knows. */
  readonly pods?: readonly PodReference[];
}

export function isEnd(phase: PullPhase): phase is "done" | "failed" | "cancelled" {
  return phase === "done" || phase === "failed" || phase === "cancelled";
}

/** The phase of a pull of an older agent. That it is done shows only when it vanishes from the reports. */
function derivedPullPhase(layers: readonly LayerStatus[], totalKnown: boolean): PullPhase {
  if (layers.length === 0) return "resolving";
  return totalKnown && layers.every((layer) => layer.percent === 100) ? "unpacking" : "downloading";
}

/** Previous state (none for a new pull, which then gets `id`) and report → next state. */
export function mergePull(
  previous: TrackedPull | undefined,
  reported: ReportedPull,
  identity: { readonly id: string; readonly key: string; readonly counted: boolean },
  context: PullContext,
): { readonly pull: TrackedPull; readonly droppedLayers: number } {
  const { clock } = context;
  const older = reported.phase === undefined;
  const startedAt =
    previous?.status.startedAt ?? new Date(agentTime(clock, reported.startedAt, clock.now)).toISOString();
  const merged = mergeLayers(previous, reported, older, { pullId: identity.id, startedAt }, context);
  const totals = totalsOf(merged.shown, reported.totalKnown && merged.dropped === 0);
  const phase = reported.phase ?? derivedPullPhase(merged.shown, totals.totalKnown);

  const transferred = sumOf(merged.layers.values(), (layer) => layer.transferredBytes);
  const ended = isEnd(phase);
  // Layers that came and went in the history of the pull never make the counter fall.
  const speed = ended ? [] : addSample(previous?.speed ?? [], clock.now, transferred);
  const bytesPerSec = phase === "downloading" ? speedOf(speed) : 0;
  const tenant = context.tenantOf(reported.imageRef);
  const manifestDigest = reported.manifestDigest ?? previous?.status.manifestDigest;
  const containerdNamespace = reported.containerdNamespace ?? previous?.status.containerdNamespace;
  const start = Date.parse(startedAt);

  const status: PullStatus = {
    id: identity.id,
    nodeName: context.nodeName,
    imageRef: context.nameOf(reported, previous?.status.imageRef),
    totalBytes: totals.totalBytes,
    downloadedBytes: totals.downloadedBytes,
    bytesPerSec,
    etaSeconds: etaIn(phase, totals, bytesPerSec),
    percent:
      phase === "done"
        ? 100
        : percentOf(totals.downloadedBytes, totals.totalBytes, totals.totalKnown, previous?.status.percent ?? 0),
    layerCount: merged.shown.length,
    layersDone: totals.layersDone,
    startedAt,
    ...(ended
      ? {
          completedAt: new Date(
            agentTime(clock, reported.completedAt, Math.max(start, clock.now), start),
          ).toISOString(),
        }
      : {}),
    ...(phase === "failed" || phase === "cancelled" ? outcomeOf(reported.error, phase, clock.now) : {}),
    pods: podsOf(previous?.status.pods, context.pods, ended),
    layers: merged.shown,
    totalKnown: totals.totalKnown,
    phase,
    ...(tenant === undefined ? {} : { tenant }),
    ...(manifestDigest === undefined ? {} : { manifestDigest }),
    ...(reported.attempts === undefined ? {} : { attempts: reported.attempts }),
    ...(containerdNamespace === undefined ? {} : { containerdNamespace }),
    cachedBytes: totals.cachedBytes,
    updatedAt: context.nowText,
    ...(context.recording ? { recording: true } : {}),
  };
  const { key, counted } = identity;
  const before = sumOf(previous?.layers.values() ?? [], (layer) => layer.transferredBytes);
  const movedAt = previous === undefined || transferred > before ? clock.now : previous.movedAt;
  const pull = {
    key,
    status,
    layers: merged.layers,
    speed,
    older,
    missedReports: 0,
    reportedAt: clock.now,
    movedAt,
    counted,
  };
  return { pull, droppedLayers: merged.dropped };
}

function mergeLayers(
  previous: TrackedPull | undefined,
  reported: ReportedPull,
  older: boolean,
  of: { readonly pullId: string; readonly startedAt: string },
  context: PullContext,
): {
  readonly layers: ReadonlyMap<string, TrackedLayer>;
  readonly shown: readonly LayerStatus[];
  readonly dropped: number;
} {
  const layerContext: LayerContext = {
    pullId: of.pullId,
    pullStartedAt: Date.parse(of.startedAt),
    ...(previous === undefined ? {} : { reportedAt: previous.reportedAt }),
    clock: context.clock,
    pullDone: reported.phase === "done",
    ...(reported.phase === "done" && reported.completedAt !== undefined
      ? { pullEndedAt: agentTime(context.clock, reported.completedAt, context.clock.now) }
      : {}),
    waitFor: (id) => (id === reported.id ? undefined : context.waitFor(id, context.tenantOf(reported.imageRef))),
  };
  const layers = new Map<string, TrackedLayer>(previous?.layers);
  const shown: LayerStatus[] = [];
  let room = context.roomForLayers;
  let dropped = 0;
  for (const layer of reported.layers) {
    const known = layers.get(layer.digest);
    if (known === undefined && room <= 0) {
      dropped += 1;
      continue;
    }
    if (known === undefined) room -= 1;
    const next = mergeLayer(known, layer, layerContext);
    layers.set(layer.digest, next);
    shown.push(next.status);
  }
  // Most reports name each layer that is known.
  if (shown.length === layers.size) return { layers, shown, dropped };
  const named = new Set(shown.map(({ digest }) => digest));
  for (const [digest, layer] of previous?.layers ?? []) {
    if (!named.has(digest)) layers.set(digest, missLayer(layer, older, layerContext));
  }
  // An older agent lists what downloads now, so what it listed before still belongs to the image; a newer one lists
  // the whole image each time, and what it leaves out is only remembered, so that no event is told twice.
  return { layers, shown: older ? [...layers.values()].map((layer) => layer.status) : shown, dropped };
}

/** A pull that has ended keeps those that waited for it: they have got the image meanwhile, and it says whom it hit. */
function podsOf(
  known: readonly PodReference[] = [],
  now: readonly PodReference[] | undefined,
  ended: boolean,
): readonly PodReference[] {
  return now === undefined || (ended && now.length === 0) ? known : now;
}

/** The sentence of an end, and its cause where the words tell one: kubelet's word of it may come later and say more. */
function outcomeOf(
  told: string | undefined,
  phase: "failed" | "cancelled",
  now: number,
): { readonly error: string; readonly failure?: Failure } {
  const silent =
    phase === "failed" ? "The pull failed; the agent gave no reason." : "The pull was cancelled by its client.";
  const error = told ?? silent;
  const failure = explainFailure(error, new Date(now));
  return failure.code === "unknown" ? { error } : { error, failure };
}

interface Totals {
  readonly totalBytes: number;
  readonly downloadedBytes: number;
  readonly cachedBytes: number;
  readonly layersDone: number;
  readonly totalKnown: boolean;
}

function totalsOf(layers: readonly LayerStatus[], reportedKnown: boolean): Totals {
  let totalBytes = 0;
  let downloadedBytes = 0;
  let cachedBytes = 0;
  let layersDone = 0;
  let totalKnown = reportedKnown && layers.length > 0;
  for (const layer of layers) {
    totalBytes += layer.totalBytes;
    downloadedBytes += layer.downloadedBytes;
    if (layer.cached) cachedBytes += layer.totalBytes;
    if (layer.percent === 100) layersDone += 1;
    if (!layer.totalKnown) totalKnown = false;
  }
  const most = Number.MAX_SAFE_INTEGER;
  return {
    totalBytes: Math.min(most, totalBytes),
    downloadedBytes: Math.min(most, downloadedBytes),
    cachedBytes: Math.min(most, cachedBytes),
    layersDone,
    totalKnown,
  };
}

function etaIn(phase: PullPhase, totals: Totals, bytesPerSec: number): number {
  if (phase === "done") return 0;
  if (phase !== "downloading") return -1;
  return etaOf(totals.totalBytes - totals.downloadedBytes, bytesPerSec, totals.totalKnown);
}

function sumOf<T>(items: Iterable<T>, value: (item: T) => number): number {
  let sum = 0;
  for (const item of items) sum += value(item);
  return Math.min(Number.MAX_SAFE_INTEGER, sum);
}

/** A pull that nobody reports at the moment: its last figures without speed, time left and cause. */
export function calmPull(pull: TrackedPull): TrackedPull {
  const { status } = pull;
  const answered = status.cause !== undefined || status.timeLeft !== undefined;
  const moves = status.bytesPerSec !== 0 || status.etaSeconds !== -1;
  if (!answered && !moves && status.layers.every((layer) => layer.bytesPerSec === 0)) return pull;
  const { cause: _, timeLeft: __, ...known } = status;
  const layers = new Map([...pull.layers].map(([digest, layer]) => [digest, calmLayer(layer)]));
  const shown = status.layers.map((layer) => layers.get(layer.digest)?.status ?? layer);
  // updatedAt stays: it says when the server last heard of the pull. The event carries its own time.
  return { ...pull, layers, status: { ...known, bytesPerSec: 0, etaSeconds: -1, layers: shown } };
}

/** An end that the server concluded, because no agent tells it. */
export function endPull(
  pull: TrackedPull,
  end: { readonly phase: "done" } | { readonly phase: "failed"; readonly error: string },
  now: number,
): TrackedPull {
  const nowText = new Date(now).toISOString();
  const completedAt = new Date(Math.max(now, Date.parse(pull.status.startedAt))).toISOString();
  const calm = calmPull(pull);
  if (end.phase === "failed") {
    const status: PullStatus = {
      ...calm.status,
      completedAt,
      error: end.error,
      phase: "failed",
      etaSeconds: -1,
      bytesPerSec: 0,
      updatedAt: nowText,
    };
    return { ...calm, status, speed: [] };
  }
  const context = {
    pullId: pull.status.id,
    pullStartedAt: Date.parse(pull.status.startedAt),
    clock: { now, aheadMs: 0 },
    pullDone: true,
  };
  const layers = new Map([...calm.layers].map(([digest, layer]) => [digest, missLayer(layer, pull.older, context)]));
  const shown = calm.status.layers.map((layer) => layers.get(layer.digest)?.status ?? layer);
  const totals = totalsOf(shown, calm.status.totalKnown);
  const status: PullStatus = {
    ...calm.status,
    ...totals,
    layers: shown,
    completedAt,
    phase: "done",
    percent: 100,
    bytesPerSec: 0,
    etaSeconds: 0,
    updatedAt: nowText,
  };
  return { ...calm, status, layers, speed: [] };
}

/** Whether a reader would see a difference; the time of the last report alone is none. */
export function samePull(a: PullStatus, b: PullStatus): boolean {
  return (
    a.downloadedBytes === b.downloadedBytes &&
    a.bytesPerSec === b.bytesPerSec &&
    a.etaSeconds === b.etaSeconds &&
    a.phase === b.phase &&
    a.percent === b.percent &&
    a.totalBytes === b.totalBytes &&
    a.totalKnown === b.totalKnown &&
    a.imageRef === b.imageRef &&
    a.tenant === b.tenant &&
    a.manifestDigest === b.manifestDigest &&
    a.attempts === b.attempts &&
    a.containerdNamespace === b.containerdNamespace &&
    a.recording === b.recording &&
    a.pods === b.pods &&
    // The numbers of a cause change all the time; alone they are no news.
    a.cause?.kind === b.cause?.kind &&
    a.timeLeft?.endsAt === b.timeLeft?.endsAt &&
    a.timeLeft?.basis === b.timeLeft?.basis &&
    a.layers.length === b.layers.length &&
    a.layers.every((layer, index) => layer === b.layers[index])
  );
}
