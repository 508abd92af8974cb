import type { ReportedLayer, ReportedPull } from "../../contract/index.ts";
import type { Questions } from "../observation/index.ts";
import { unpackQuietMs } from "./outcome.ts";
import { type AttributionState, isOver, type TrackedLayer, type TrackedPull } from "./state.ts";

/** The pulls as they are reported: those that run, oldest first, then those of the last `keepFinishedMs`, newest end first. */
export function reportedPulls(state: AttributionState, at: number, keepFinishedMs: number): ReportedPull[] {
  return [...state.pulls.values()]
    .filter((pull) => pull.shown && (pull.completedAt === undefined || at - pull.completedAt <= keepFinishedMs))
    .toSorted(
      (one, other) =>
        Number(isOver(one.phase)) - Number(isOver(other.phase)) ||
        (other.completedAt ?? 0) - (one.completedAt ?? 0) ||
        one.startedAt - other.startedAt,
    )
    .map((pull) => reported(pull, state));
}

/** What the server takes of one pull. */
const layersPerPull = 1_000;
/** The longest that a layer can be written, so often, stays under the server's 4 MiB, and under 1 MiB gzip'ed. */
const layersPerReport = 4_000;
/** The server takes 1,000; a node has a handful. */
export const pullsPerReport = 200;

/**
 * As much as fits into a report, since the server refuses one that is too large as a whole, and somebody may pull images
 * of a thousand layers just for that. Pulls whose layers find no room are told without them, those that ended first.
 */
export function fitted(pulls: readonly ReportedPull[]): {
  readonly pulls: readonly ReportedPull[];
  readonly cut: boolean;
} {
  let room = layersPerReport;
  let cut = pulls.length > pullsPerReport;
  const told = pulls.slice(0, pullsPerReport).map((pull) => {
    if (pull.layers.length <= Math.min(room, layersPerPull)) {
      room -= pull.layers.length;
      return pull;
    }
    cut = true;
    return { ...pull, totalKnown: false, layers: [] };
  });
  return { pulls: told, cut };
}

/** What the next look should see besides leases, for the pulls of this state. */
export function questionsOf(state: AttributionState, at: number): Questions {
  const settledLeases = new Set<string>();
  const digests: Record<string, string[]> = {};
  const roots: Record<string, string[]> = {};
  const unpacks: Record<string, { snapshotter: string; key: string }[]> = {};
  for (const [key, pull] of state.pulls) {
    if (isOver(pull.phase)) {
      // A dead client's download that moves again belongs to somebody: look until it is clear to whom.
      if (!mayComeBack(state, pull)) settledLeases.add(key);
      continue;
    }
    const layers = pull.layers.map((layer) => layer.digest);
    (digests[pull.namespace] ??= []).push(pull.rootDigest, ...pull.manifests, ...pull.configs, ...layers);
    (roots[pull.namespace] ??= []).push(pull.rootDigest);
    if (pull.unpacking !== undefined && at - pull.activeAt >= unpackQuietMs) {
      (unpacks[pull.namespace] ??= []).push({ snapshotter: pull.unpacking.snapshotter, key: pull.unpacking.key });
    }
  }
  return { settledLeases, digests, roots, unpacks };
}

function mayComeBack(state: AttributionState, pull: TrackedPull): boolean {
  if (pull.phase === "done" || pull.completedAt === undefined) return false;
  const completedAt = pull.completedAt;
  return pull.ownRefs.some((ref) => (state.writers.get(`${pull.namespace}/${ref}`)?.movedAt ?? 0) > completedAt);
}

function reported(pull: TrackedPull, state: AttributionState): ReportedPull {
  const manifest = pull.manifests[0];
  return {
    id: pull.id,
    imageRef: pull.imageRef,
    startedAt: rfc3339(pull.startedAt),
    totalKnown: pull.layers.length > 0 && pull.layers.every((layer) => layer.sizeKnown),
    phase: pull.phase,
    containerdNamespace: pull.namespace,
    ...(manifest === undefined ? {} : { manifestDigest: manifest }),
    ...(pull.completedAt === undefined ? {} : { completedAt: rfc3339(pull.completedAt) }),
    ...(pull.failedTries === 0 ? {} : { attempts: pull.failedTries }),
    ...(pull.error === undefined ? {} : { error: pull.error }),
    layers: pull.layers.map((layer) => reportedLayer(layer, writerOf(layer, pull, state)?.id)),
  };
}

/** The other pull that downloads the layer, if it is one that is told. */
function writerOf(layer: TrackedLayer, pull: TrackedPull, state: AttributionState): TrackedPull | undefined {
  if (layer.writtenBy === undefined || layer.phase !== "downloading") return undefined;
  const writer = state.pulls.get(`${pull.namespace}/${layer.writtenBy}`);
  return writer === undefined || !writer.shown || isOver(writer.phase) ? undefined : writer;
}

function reportedLayer(layer: TrackedLayer, waitsFor: string | undefined): ReportedLayer {
  return {
    digest: layer.digest,
    mediaType: layer.mediaType,
    totalBytes: layer.size,
    downloadedBytes: layer.downloadedBytes,
    totalKnown: layer.sizeKnown,
    phase: layer.phase,
    cached: layer.cached,
    ...(waitsFor === undefined ? {} : { waitsFor }),
    ...(layer.startedAt === undefined ? {} : { startedAt: rfc3339(layer.startedAt) }),
    ...(layer.completedAt === undefined ? {} : { completedAt: rfc3339(layer.completedAt) }),
  };
}

function rfc3339(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
