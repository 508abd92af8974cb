import { createHash } from "node:crypto";
import type { Ingest, LeaseResource } from "../containerd/index.ts";
import type { ImageDocument, NamespaceObservation, Observation, ObservedLease } from "../observation/index.ts";
import type { PullPhase } from "../../contract/index.ts";
import { layerAfter } from "./layers.ts";
import { type Ending, ending } from "./outcome.ts";
import { imageReference, type Source, sourcesOf } from "./reference.ts";
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
const digestAtEnd = /sha(?:256|384|512):[0-9a-f]{64,128}$/;

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
  const watched = glance(
    before,
    at,
    observation.namespaces.map((one) => ({ namespace: one.name, ingests: one.ingests })),
  );
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
      const pull = followed(known, look, options);
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
  for (const [key, pull] of pulls) {
    const over = pull.completedAt !== undefined && at - pull.completedAt > options.keepFinishedMs;
    if (over && !leaseListed(observation, pull)) pulls.delete(key);
  }
  return { pulls, writers, look: watched.look };
}

/** The state after a look at downloads only: cheap, and it sees a writer close that a whole look may miss. */
export function glance(
  before: AttributionState,
  at: number,
  seen: readonly { readonly namespace: string; readonly ingests: readonly Ingest[] }[],
): AttributionState {
  const look = before.look + 1;
  const writers = new Map<string, WriterWatch>();
  for (const { namespace, ingests } of seen) {
    for (const ingest of ingests) {
      const key = `${namespace}/${ingest.ref}`;
      writers.set(key, watchWriter(before.writers.get(key), ingest, { look, at }));
    }
  }
  return { pulls: before.pulls, writers, look };
}

interface Look {
  readonly namespace: NamespaceObservation;
  readonly lease: ObservedLease;
  readonly resources: readonly LeaseResource[];
  /** By ref: the lease whose client writes the download. */
  readonly owners: ReadonlyMap<string, string>;
  readonly observation: Observation;
  readonly writers: ReadonlyMap<string, WriterWatch>;
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
function followed(known: TrackedPull | undefined, look: Look, options: AttributionOptions): TrackedPull | undefined {
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
    id: pullId(options.nodeName, namespace.name, lease, attempt),
    attempt,
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

/**
 * The index or manifest that was asked for, and those manifests under it whose layers are fetched. Some clients take
 * the manifests and configurations of every platform (ctr 2.x, --all-metadata) and the layers of one: it is the one
 * of which the lease holds a layer, and before the first layer the one of this node's platform.
 */
function rootOf(look: Look, platform: string): { rootDigest: string; manifests: readonly string[] } | undefined {
  const { documents } = look.namespace;
  const held = new Set(look.resources.map((one) => digestAtEnd.exec(one.id)?.[0] ?? one.id));
  const content = look.resources.filter((one) => one.type === "content").map((one) => one.id);
  const manifests = content.filter((digest) => documents[digest]?.kind === "manifest");
  for (const digest of content) {
    const index = documents[digest];
    if (index?.kind !== "index") continue;
    const children = index.manifests.filter((one) => manifests.includes(one.digest));
    if (children.length === 0 && manifests.length > 0) continue;
    const begun = children.filter((one) => layerDigests(documents[one.digest]).some((layer) => held.has(layer)));
    const native = children.find((one) => one.platform === platform);
    const only = children.length === 1 ? children : [];
    const chosen = begun.length > 0 ? begun : native === undefined ? only : [native];
    return { rootDigest: digest, manifests: chosen.map((one) => one.digest) };
  }
  const first = manifests[0];
  return first === undefined ? undefined : { rootDigest: first, manifests: [first] };
}

function layerDigests(document: ImageDocument | undefined): string[] {
  return document?.kind === "manifest" ? document.layers.map((layer) => layer.digest) : [];
}

function configsOf(manifests: readonly string[], namespace: NamespaceObservation): string[] {
  return manifests.flatMap((digest) => {
    const document = namespace.documents[digest];
    return document?.kind === "manifest" ? [document.config] : [];
  });
}

function layersOf(manifests: readonly string[], known: TrackedPull | undefined, look: Look): TrackedLayer[] {
  const { namespace, lease, observation } = look;
  const contents = new Map(namespace.contents.map((info) => [info.digest, info]));
  const ingests = new Map(namespace.ingests.map((ingest) => [digestAtEnd.exec(ingest.ref)?.[0] ?? "", ingest]));
  const before = new Map(known?.layers.map((layer) => [layer.digest, layer]));
  const extracting = new Set(
    look.resources.filter((one) => one.type.startsWith("snapshots/")).flatMap((one) => extractedChain(one.id) ?? []),
  );
  const layers = new Map<string, TrackedLayer>();
  for (const digest of manifests) {
    const manifest = namespace.documents[digest];
    if (manifest?.kind !== "manifest") continue;
    const config = namespace.documents[manifest.config];
    const chain = config?.kind === "config" ? config.chainIds : [];
    for (const [index, descriptor] of manifest.layers.entries()) {
      if (layers.has(descriptor.digest)) continue;
      const chainId = chain[index];
      const facts = {
        content: contents.get(descriptor.digest),
        ingest: ingests.get(descriptor.digest),
        snapshot: chainId !== undefined && namespace.snapshots.includes(chainId),
        extracting: chainId !== undefined && extracting.has(chainId),
      };
      const pull = { startedAt: lease.createdAt, at: observation.at };
      layers.set(descriptor.digest, layerAfter(descriptor, before.get(descriptor.digest), facts, pull));
    }
  }
  return [...layers.values()];
}

/** Keys of snapshots that are unpacked into read `extract-<unique> <chain id>`. */
function extractedChain(key: string): string | undefined {
  return key.startsWith("extract-") ? digestAtEnd.exec(key)?.[0] : undefined;
}

function extraction(look: Look, known: TrackedPull | undefined): TrackedPull["unpacking"] {
  for (const resource of look.resources) {
    if (!resource.type.startsWith("snapshots/") || extractedChain(resource.id) === undefined) continue;
    const before = known?.unpacking?.key === resource.id ? known.unpacking.bytes : 0;
    return {
      snapshotter: resource.type.slice("snapshots/".length),
      key: resource.id,
      bytes: look.namespace.unpackedBytes[resource.id] ?? before,
    };
  }
  return undefined;
}

function namedSources(
  rootDigest: string,
  namespace: NamespaceObservation,
  known: TrackedPull | undefined,
): readonly Source[] {
  const info = namespace.contents.find((one) => one.digest === rootDigest);
  const sources = info === undefined ? [] : sourcesOf(info);
  return sources.length > 0 ? sources : (known?.sources ?? []);
}

function runningPhase(manifests: readonly string[], layers: readonly TrackedLayer[]): PullPhase {
  if (manifests.length === 0 || layers.length === 0) return "resolving";
  return layers.every((layer) => isOnNode(layer.phase)) ? "unpacking" : "downloading";
}

function isUnpacked(configs: readonly string[], namespace: NamespaceObservation): boolean {
  return (
    configs.length > 0 &&
    configs.every((digest) => {
      const info = namespace.contents.find((one) => one.digest === digest);
      return Object.keys(info?.labels ?? {}).some((label) => label.startsWith("containerd.io/gc.ref.snapshot."));
    })
  );
}

/** Everything about a pull that changes while somebody works on it, in one string. */
function signOfLife(look: Look, layers: readonly TrackedLayer[], unpackedBytes: number): string {
  const resources = look.resources.map((one) => one.id).toSorted();
  const bytes = layers.map((layer) => `${layer.phase} ${layer.downloadedBytes}`);
  return createHash("sha256")
    .update(JSON.stringify([resources, bytes, unpackedBytes]))
    .digest("base64");
}

/** The last moment at which containerd noted anything for this lease. */
function lastSign(look: Look): number {
  const held = new Set(look.resources.map((one) => one.id));
  const times = [look.lease.createdAt];
  for (const info of look.namespace.contents) if (held.has(info.digest)) times.push(info.createdAt, info.updatedAt);
  for (const ingest of look.namespace.ingests) if (held.has(ingest.ref)) times.push(ingest.startedAt, ingest.updatedAt);
  return Math.min(Math.max(...times), look.observation.at);
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
  return createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 24);
}
