import type { Glance, NamespaceObservation, Observation, ObservedLease } from "../observation/index.ts";
import type { PullPhase } from "../../contract/index.ts";
import {
  configsOf,
  extraction,
  isUnpacked,
  lastSign,
  layersOf,
  type Look,
  namedSources,
  rootOf,
  signOfLife,
} from "./lease.ts";
import { type Ending, ending } from "./outcome.ts";
import { imageReference } from "./reference.ts";
import { pullsPerReport } from "./report.ts";
import { sha256 } from "../sha256.ts";
import { type AttributionState, isOnNode, isOver, type TrackedLayer, type TrackedPull } from "./state.ts";
import { ownedBy, watchWriter, type WriterWatch } from "./writers.ts";

export interface AttributionOptions {
  readonly nodeName: string;
  /** `os/architecture` of the node. */
  readonly platform: string;
  /** How long a pull that is over stays in the state. */
  readonly keepFinishedMs: number;
}

/**
 * What an agent that has just started finds without a sign of life for so long may be the left-over of a dead client:
 * it is shown when it moves.
 */
const leftOverMs = 10_000;
/** Longer than kubelet ever waits before it tries again (5 minutes). */
const triesKeptMs = 10 * 60_000;

/**
 * The state after a look: which pulls there are, of which image, and where each of their layers stands. Pure: the same
 * state and the same observation give the same answer.
 */
export function attribute(
  before: AttributionState,
  observation: Observation,
  options: AttributionOptions,
): AttributionState {
  const at = observation.at;
  const watched = glance(before, {
    at,
    ...(observation.fileClock === undefined ? {} : { fileClock: observation.fileClock }),
    downloads: observation.namespaces.map((one) => ({ namespace: one.name, ingests: one.ingests })),
  });
  const pulls = new Map<string, TrackedPull>();
  const writers = new Map(watched.writers);
  for (const namespace of observation.namespaces) {
    const owners = ownersOf(namespace.leases);
    for (const [ref, owner] of owners) {
      const key = `${namespace.name}/${ref}`;
      const watch = writers.get(key);
      if (watch !== undefined) writers.set(key, ownedBy(watch, owner, { look: watched.look, at }));
    }
    for (const lease of namespace.leases) {
      const key = `${namespace.name}/${lease.id}`;
      const known = before.pulls.get(key);
      if (lease.resources === undefined) {
        if (known !== undefined) pulls.set(key, known);
        continue;
      }
      const look = { namespace, lease, resources: lease.resources, owners, observation, writers };
      const pull = followed(known, look, options, before.failures);
      if (pull !== undefined) pulls.set(key, pull);
    }
    for (const [key, known] of before.pulls) {
      if (known.namespace !== namespace.name || pulls.has(key)) continue;
      // Its lease is gone: this look has the last word on it.
      pulls.set(key, isOver(known.phase) ? known : withoutLease(known, namespace, observation));
    }
  }
  for (const [key, known] of before.pulls) {
    // A namespace that vanished, or one that a broken look left out.
    if (!pulls.has(key)) pulls.set(key, known);
  }
  forget(pulls, observation, options.keepFinishedMs);
  return { pulls, writers, look: watched.look, failures: failuresAfter(before, pulls, at) };
}

/** The state after a look at downloads only: cheap, and it sees a writer close that a whole look may miss. */
export function glance(before: AttributionState, seen: Glance): AttributionState {
  const look = before.look + 1;
  const now = { look, at: seen.at, ...(seen.fileClock === undefined ? {} : { fileClock: seen.fileClock }) };
  const writers = new Map<string, WriterWatch>();
  for (const { namespace, ingests } of seen.downloads) {
    for (const ingest of ingests) {
      const key = `${namespace}/${ingest.ref}`;
      writers.set(key, watchWriter(before.writers.get(key), ingest, now));
    }
  }
  return { pulls: before.pulls, failures: before.failures, writers, look };
}

/**
 * containerd lets one writer at a time have a download, and notes it in the lease of each client that got it. So when
 * two leases have the same ref, the newer one writes, and the older one's writer was closed before.
 */
function ownersOf(leases: readonly ObservedLease[]): ReadonlyMap<string, string> {
  const owners = new Map<string, string>();
  for (const lease of leases.toSorted((one, other) => one.createdAt - other.createdAt)) {
    for (const resource of lease.resources ?? []) if (resource.type === "ingests") owners.set(resource.id, lease.id);
  }
  return owners;
}

/** The pull that holds this lease, after this look; undefined for a lease that is no pull (yet). */
function followed(
  known: TrackedPull | undefined,
  look: Look,
  options: AttributionOptions,
  failures: AttributionState["failures"],
): TrackedPull | undefined {
  const { namespace, lease, observation } = look;
  const at = observation.at;
  if (known !== undefined && isOver(known.phase) && !movedAgain(known, look)) return known;
  const roots = rootOf(look, options.platform);
  if (roots === undefined) return known;
  const configs = configsOf(roots.manifests, namespace);
  const layers = layersOf(roots.manifests, known, look);
  const unpacking = extraction(look, known);
  const ownRefs = look.resources
    .filter((one) => one.type === "ingests" && look.owners.get(one.id) === lease.id)
    .map((one) => one.id);
  const sources = namedSources(roots.rootDigest, namespace, known);
  const imageRef = imageReference({
    rootDigest: roots.rootDigest,
    sources,
    records: namespace.images,
    knownHosts: namespace.knownHosts,
    startedAt: lease.createdAt,
  });
  // Without a source label it is no pull from a registry (an import, a build) or one whose labels are about to come.
  if (imageRef === undefined) return known;

  const fingerprint = signOfLife(look, layers, unpacking?.bytes ?? 0);
  const firstSign = known === undefined ? lastSign(look) : known.activeAt;
  const activeAt = known !== undefined && known.fingerprint !== fingerprint ? at : firstSign;
  // An index without a manifest at two looks is being fetched; at one, it may all be on the node.
  const resolving = roots.manifests.length === 0 && known !== undefined;
  const work = layers.some((layer) => !layer.cached) || unpacking !== undefined || resolving;
  const alive =
    known === undefined ? isFresh(activeAt, lease, observation) : known.alive || activeAt !== known.activeAt;
  const attempt = known === undefined ? 0 : known.attempt + (isOver(known.phase) ? 1 : 0);
  const pull: TrackedPull = {
    id:
      known?.attempt === attempt && known.startedAt === lease.createdAt
        ? known.id
        : pullId(options.nodeName, namespace.name, lease, attempt),
    attempt,
    failedTries: known?.failedTries ?? failures.get(`${namespace.name}/${roots.rootDigest}`)?.count ?? 0,
    namespace: namespace.name,
    leaseId: lease.id,
    startedAt: lease.createdAt,
    rootDigest: roots.rootDigest,
    manifests: roots.manifests,
    configs,
    imageRef,
    sources,
    layers,
    phase: runningPhase(roots.manifests, layers),
    alive,
    shown: (known?.shown ?? false) || (work && alive),
    ownRefs,
    ...(unpacking === undefined ? {} : { unpacking }),
    unpackSeen: (known?.unpackSeen ?? false) || layers.some((one) => one.phase === "unpacking" || one.phase === "done"),
    activeAt,
    fingerprint,
  };
  const end = ending(pull, {
    at,
    leaseThere: true,
    recorded: namespace.images.some((image) => image.target === pull.rootDigest),
    unpacked: isUnpacked(configs, namespace),
    writers: ownRefs.flatMap((ref) => look.writers.get(`${namespace.name}/${ref}`) ?? []),
    takenOver: look.resources.some((one) => one.type === "ingests" && look.owners.get(one.id) !== lease.id),
    containerdStartedAt: observation.containerdStartedAt,
  });
  return end === undefined ? pull : ended(pull, end, at);
}

function withoutLease(known: TrackedPull, namespace: NamespaceObservation, observation: Observation): TrackedPull {
  const imageRef = imageReference({
    rootDigest: known.rootDigest,
    sources: known.sources,
    records: namespace.images,
    knownHosts: namespace.knownHosts,
    startedAt: known.startedAt,
  });
  const pull = { ...known, imageRef: imageRef ?? known.imageRef };
  const end = ending(pull, {
    at: observation.at,
    leaseThere: false,
    recorded: namespace.images.some((image) => image.target === known.rootDigest),
    unpacked: isUnpacked(known.configs, namespace),
    writers: [],
    takenOver: false,
    containerdStartedAt: observation.containerdStartedAt,
  });
  return end === undefined ? pull : ended(pull, end, observation.at);
}

function ended(pull: TrackedPull, end: Ending, at: number): TrackedPull {
  const { unpacking: _, ...rest } = pull;
  return {
    ...rest,
    phase: end.phase,
    completedAt: at,
    failedTries: pull.failedTries + (end.phase === "done" ? 0 : 1),
    ...(end.error === undefined ? {} : { error: end.error }),
    layers: pull.layers.map((layer) => layerAtEnd(layer, end, at)),
  };
}

function layerAtEnd(layer: TrackedLayer, end: Ending, at: number): TrackedLayer {
  if (layer.phase === "cached") return layer;
  if (end.phase === "done") {
    return { ...layer, phase: "done", downloadedBytes: layer.size, completedAt: layer.completedAt ?? at };
  }
  if (layer.phase === "unpacking") return { ...layer, phase: "downloaded" };
  return isOnNode(layer.phase) ? layer : { ...layer, phase: "failed" };
}

/**
 * A pull that was taken for dead and moves after all. Its end was told and an id has one end, so it goes on under a new
 * id (`attempt`).
 */
function movedAgain(known: TrackedPull, look: Look): boolean {
  if (known.phase === "done") return false;
  return known.ownRefs.some((ref) => {
    const writer = look.writers.get(`${known.namespace}/${ref}`);
    return look.owners.get(ref) === known.leaseId && writer !== undefined && writer.movedAt > (known.completedAt ?? 0);
  });
}

/** A new try has a lease of its own; that it is one, the image tells. */
function failuresAfter(
  before: AttributionState,
  pulls: ReadonlyMap<string, TrackedPull>,
  at: number,
): AttributionState["failures"] {
  const failures = new Map([...before.failures].filter(([, tries]) => at - tries.at <= triesKeptMs));
  for (const pull of pulls.values()) {
    if (pull.completedAt !== at || !pull.shown) continue;
    const key = `${pull.namespace}/${pull.rootDigest}`;
    if (pull.phase === "done") failures.delete(key);
    else failures.set(key, { count: pull.failedTries, at });
  }
  return failures;
}

function runningPhase(manifests: readonly string[], layers: readonly TrackedLayer[]): PullPhase {
  if (manifests.length === 0 || layers.length === 0) return "resolving";
  return layers.every((layer) => isOnNode(layer.phase)) ? "unpacking" : "downloading";
}

/** Pulls that were told for long enough go, and beyond what a report holds those that ended first. */
function forget(pulls: Map<string, TrackedPull>, observation: Observation, keepFinishedMs: number): void {
  const over = [...pulls]
    .filter(([, pull]) => pull.completedAt !== undefined)
    .toSorted(([, one], [, other]) => (other.completedAt ?? 0) - (one.completedAt ?? 0));
  for (const [index, [key, pull]] of over.entries()) {
    const told = observation.at - (pull.completedAt ?? 0) > keepFinishedMs || index >= pullsPerReport;
    // A lease that is still there would be taken for a new pull.
    if (told && !leaseListed(observation, pull)) pulls.delete(key);
  }
}

function isFresh(activeAt: number, lease: ObservedLease, observation: Observation): boolean {
  const restarted = observation.containerdStartedAt !== undefined && observation.containerdStartedAt > lease.createdAt;
  return !restarted && observation.at - activeAt < leftOverMs;
}

function leaseListed(observation: Observation, pull: TrackedPull): boolean {
  return observation.namespaces.some(
    (one) => one.name === pull.namespace && one.leases.some((lease) => lease.id === pull.leaseId),
  );
}

/** Made of what does not change while the pull lives, so that an agent that starts anew finds the same id. */
function pullId(nodeName: string, namespace: string, lease: ObservedLease, attempt: number): string {
  const parts = [nodeName, namespace, lease.id, String(Math.round(lease.createdAt))];
  if (attempt > 0) parts.push(String(attempt));
  return sha256(parts.join("\0")).slice(0, 24);
}
