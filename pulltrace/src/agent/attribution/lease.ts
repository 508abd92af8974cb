import type { LeaseResource } from "../containerd/index.ts";
import type { ImageDocument, NamespaceObservation, Observation, ObservedLease } from "../observation/index.ts";
import { layerAfter } from "./layers.ts";
import { type Source, sourcesOf } from "./reference.ts";
import type { TrackedLayer, TrackedPull } from "./state.ts";
import type { WriterWatch } from "./writers.ts";

const digestAtEnd = /sha(?:256|384|512):[0-9a-f]{64,128}$/;

const downloadSlots = 3;
/** How long a download may be without a byte until it is taken for one without a slot. */
const firstBytesMs = 5_000;
/** A MiB in so long is the slowest that counts as coming. */
const stillComingMs = 120_000;

/** One lease at one look, and what belongs to it. */
export interface Look {
  readonly namespace: NamespaceObservation;
  readonly lease: ObservedLease;
  readonly resources: readonly LeaseResource[];
  /** By ref: the lease whose client writes the download. */
  readonly owners: ReadonlyMap<string, string>;
  readonly observation: Observation;
  readonly writers: ReadonlyMap<string, WriterWatch>;
}

/**
 * The index or manifest that was asked for, and those manifests under it whose layers are fetched. Some clients take
 * the manifests and configurations of every platform (ctr 2.x, --all-metadata) and the layers of one: it is the one
 * of which the lease holds a layer, and before the first layer the one of this node's platform.
 */
export function rootOf(look: Look, platform: string): { rootDigest: string; manifests: readonly string[] } | undefined {
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
    // Another platform's manifest may arrive first: the only one counts where the index has none for this node.
    const offered = index.manifests.some((one) => one.platform === platform);
    const only = children.length === 1 && !offered ? children : [];
    const chosen = begun.length > 0 ? begun : native === undefined ? only : [native];
    return { rootDigest: digest, manifests: chosen.map((one) => one.digest) };
  }
  const first = manifests[0];
  return first === undefined ? undefined : { rootDigest: first, manifests: [first] };
}

function layerDigests(document: ImageDocument | undefined): string[] {
  return document?.kind === "manifest" ? document.layers.map((layer) => layer.digest) : [];
}

export function configsOf(manifests: readonly string[], namespace: NamespaceObservation): string[] {
  return manifests.flatMap((digest) => {
    const document = namespace.documents[digest];
    return document?.kind === "manifest" ? [document.config] : [];
  });
}

export function layersOf(manifests: readonly string[], known: TrackedPull | undefined, look: Look): TrackedLayer[] {
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
      const ingest = ingests.get(descriptor.digest);
      const owner = ingest === undefined ? undefined : look.owners.get(ingest.ref);
      const facts = {
        content: contents.get(descriptor.digest),
        ingest,
        ...(owner === undefined || owner === lease.id ? {} : { writtenBy: owner }),
        snapshot: chainId !== undefined && namespace.snapshots.includes(chainId),
        extracting: chainId !== undefined && extracting.has(chainId),
      };
      const pull = { startedAt: lease.createdAt, at: observation.at };
      layers.set(descriptor.digest, layerAfter(descriptor, before.get(descriptor.digest), facts, pull));
    }
  }
  return withSlots([...layers.values()], before, look);
}

/**
 * containerd 2.x begins the download of every layer at once and lets three through (`max_concurrent_downloads`, by
 * default), of all pulls together where it fetches itself: those without a byte, while three others have some, have no
 * slot. 1.6 begins a download when it has one, and has three for each pull: so a layer of another pull that has just
 * begun is given some time until its first MiB counts as missing.
 */
function withSlots(layers: TrackedLayer[], before: ReadonlyMap<string, TrackedLayer>, look: Look): TrackedLayer[] {
  const own = layers.filter((layer) => layer.phase === "downloading" && layer.writtenBy === undefined);
  const ownSlots = own.filter((layer) => layer.downloadedBytes > 0).length;
  if (ownSlots < downloadSlots && slotsTaken(look) !== downloadSlots) return layers;
  const { at } = look.observation;
  return layers.map((layer) => {
    if (!own.includes(layer) || layer.downloadedBytes > 0) return layer;
    if (ownSlots < downloadSlots && at - (layer.startedAt ?? at) < firstBytesMs) return layer;
    const { startedAt: _, ...rest } = layer;
    const startedAt = before.get(layer.digest)?.startedAt;
    return { ...rest, phase: "waiting" as const, ...(startedAt === undefined ? {} : { startedAt }) };
  });
}

/** Layers of all pulls that come in now. What a dead client left behind does not move. */
function slotsTaken({ observation, writers }: Look): number {
  const coming = observation.namespaces.flatMap(({ name, ingests }) =>
    ingests.filter(({ ref, offset, total }) => {
      const writer = writers.get(`${name}/${ref}`);
      if (!ref.startsWith("layer-") || offset === 0 || offset >= total || writer === undefined) return false;
      return writer.moves > 0 && writer.closedAt === undefined && observation.at - writer.movedAt < stillComingMs;
    }),
  );
  return coming.length;
}

/** Keys of snapshots that are unpacked into read `extract-<unique> <chain id>`. */
function extractedChain(key: string): string | undefined {
  return key.startsWith("extract-") ? digestAtEnd.exec(key)?.[0] : undefined;
}

export function extraction(look: Look, known: TrackedPull | undefined): TrackedPull["unpacking"] {
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

export function namedSources(
  rootDigest: string,
  namespace: NamespaceObservation,
  known: TrackedPull | undefined,
): readonly Source[] {
  const info = namespace.contents.find((one) => one.digest === rootDigest);
  const sources = info === undefined ? [] : sourcesOf(info);
  return sources.length > 0 ? sources : (known?.sources ?? []);
}

export function isUnpacked(configs: readonly string[], namespace: NamespaceObservation): boolean {
  return (
    configs.length > 0 &&
    configs.every((digest) => {
      const info = namespace.contents.find((one) => one.digest === digest);
      return Object.keys(info?.labels ?? {}).some((label) => label.startsWith("containerd.io/gc.ref.snapshot."));
    })
  );
}

/** Everything about a pull that changes while somebody works on it, in one string. */
export function signOfLife(look: Look, layers: readonly TrackedLayer[], unpackedBytes: number): string {
  const resources = look.resources.map((one) => one.id).toSorted();
  const bytes = layers.map((layer) => `${layer.phase} ${layer.downloadedBytes}`);
  return JSON.stringify([resources, bytes, unpackedBytes]);
}

/** The last moment at which containerd noted anything for this lease. */
export function lastSign(look: Look): number {
  const held = new Set(look.resources.map((one) => one.id));
  const times = [look.lease.createdAt];
  for (const info of look.namespace.contents) if (held.has(info.digest)) times.push(info.createdAt, info.updatedAt);
  for (const ingest of look.namespace.ingests) if (held.has(ingest.ref)) times.push(ingest.startedAt, ingest.updatedAt);
  return Math.min(Math.max(...times), look.observation.at);
}
