import { statSync } from "node:fs";
import type { Containerd, ContentInfo, LeaseResource } from "../containerd/index.ts";
import { type ImageDocument, isDigest, readDocument } from "./documents.ts";
import { createFileClock } from "./file-clock.ts";
import type { Glance, NamespaceObservation, Observation, ObservedLease, Questions } from "./observation.ts";

export interface Observer {
  /** Looks at containerd once. Rejects with a GrpcError while it is away. */
  observe(questions: Questions): Promise<Observation>;
  /** True when the last look saw a download. */
  readonly downloading: boolean;
  /** The downloads of the namespaces that had any at the last look: the cheapest sign of life. */
  glance(): Promise<Glance>;
}

const documentLimitBytes = 4 * 1024 * 1024;
const documentCacheSize = 512;
/** containerd names its labels so; a blob with one of them is an index or a manifest. */
const childLabel = "containerd.io/gc.ref.content.";
/**
 * A namespace is made once in a node's life, by its first pull. That pull is told some seconds late, with the start that
 * its lease has; all looks after it would pay for a shorter time.
 */
const namespaceRefreshMs = 10_000;
/** A lease that holds no image for so long is somebody else's (a build, a container being made): look seldom. */
const strangerAfterMs = 60_000;
const strangerEveryMs = 15_000;
const leaseLimit = 256;
const hostRefreshMs = 30_000;
const unknownHostRefreshMs = 2_000;
const sourceLabel = "containerd.io/distribution.source.";
/** Type of a lease's resource: `snapshots/<snapshotter>`. */
const snapshotType = "snapshots/";

export function createObserver(options: { containerd: Containerd; socketPath: string; now?: () => number }): Observer {
  const { containerd, socketPath } = options;
  const now = options.now ?? Date.now;
  const documents = new Map<string, ImageDocument>();
  const hosts = new Map<string, { at: number; forms: readonly string[] }>();
  const snapshots = new Map<string, Set<string>>();
  const strangers = new Map<string, { since: number; askedAt: number }>();
  const fileClock = createFileClock();
  let namespaces: string[] = [];
  let namespacesAt = Number.NEGATIVE_INFINITY;
  let busy: string[] = [];

  const allNamespaces = async () => {
    if (now() - namespacesAt >= namespaceRefreshMs || namespaces.length === 0) {
      namespaces = await containerd.namespaces();
      namespacesAt = now();
    }
    return namespaces;
  };

  /** Reads an index, manifest or configuration once; what is content-addressed never changes. */
  const document = async (namespace: string, digest: string) => {
    const known = documents.get(digest);
    if (known !== undefined) return known;
    const bytes = await containerd.blob(namespace, digest, documentLimitBytes);
    const read = bytes === undefined ? undefined : readDocument(bytes);
    if (read === undefined) return undefined;
    documents.set(digest, read);
    if (documents.size > documentCacheSize) documents.delete(documents.keys().next().value ?? "");
    return read;
  };

  const resourcesOf = async (namespace: string, id: string): Promise<readonly LeaseResource[] | undefined> => {
    const key = `${namespace}/${id}`;
    const stranger = strangers.get(key);
    const at = now();
    if (stranger !== undefined && at - stranger.since > strangerAfterMs && at - stranger.askedAt < strangerEveryMs) {
      return undefined;
    }
    const resources = await containerd.leaseResources(namespace, id);
    const looksLikePull = resources?.some((one) => one.type === "content" && documents.has(one.id)) ?? false;
    if (looksLikePull) strangers.delete(key);
    else strangers.set(key, { since: stranger?.since ?? at, askedAt: at });
    return resources;
  };

  const observeNamespace = async (name: string, questions: Questions): Promise<NamespaceObservation> => {
    const listed = await containerd.leases(name);
    const asked = questions.digests[name] ?? [];
    const wanted = listed.filter((lease) => !questions.settledLeases.has(`${name}/${lease.id}`));
    if (wanted.length === 0 && asked.length === 0) return { ...quiet(name), leases: listed };

    // The order matters: what is committed between two questions must show in the later answer, and the stamp of a
    // writer that closes in between must not count for the client that takes the download over.
    const newestFirst = wanted.toSorted((one, other) => other.createdAt - one.createdAt).slice(0, leaseLimit);
    const leases: ObservedLease[] = listed.filter((lease) => !newestFirst.includes(lease));
    for (const lease of newestFirst) {
      const resources = await resourcesOf(name, lease.id);
      leases.push(resources === undefined ? lease : { ...lease, resources });
    }

    const ingests = await containerd.ingests(name);
    const wantedDigests = digestsOf(leases, asked);
    const contents = new Map<string, ContentInfo>();
    for (const info of await containerd.contents(name, [...wantedDigests])) contents.set(info.digest, info);
    const found = await imageDocuments(name, leases, contents);
    // What a manifest names that was read just now.
    const missing = namedBy(found).filter((digest) => !wantedDigests.has(digest));
    for (const info of await containerd.contents(name, missing)) contents.set(info.digest, info);
    for (const one of Object.values(found)) {
      if (one.kind !== "manifest" || !contents.has(one.config)) continue;
      const config = await document(name, one.config);
      if (config !== undefined) found[one.config] = config;
    }
    const roots = new Set(questions.roots[name] ?? []);
    for (const [digest, one] of Object.entries(found)) if (one.kind !== "config") roots.add(digest);
    const images = await containerd.imagesOf(name, [...roots]);
    return {
      name,
      leases,
      ingests,
      contents: [...contents.values()],
      documents: found,
      images,
      snapshots: await committed(name, leases, found, contents),
      knownHosts: await knownHosts(name, contents),
      unpackedBytes: await unpacked(name, questions),
    };
  };

  /** What was asked for, what the leases hold, and what is named by those of it that were read before. */
  const digestsOf = (leases: readonly ObservedLease[], asked: readonly string[]) => {
    const digests = new Set(asked);
    for (const lease of leases) {
      for (const resource of lease.resources ?? []) {
        if (resource.type !== "content" || !isDigest(resource.id)) continue;
        digests.add(resource.id);
        const known = documents.get(resource.id);
        if (known !== undefined) for (const digest of namedBy({ [resource.id]: known })) digests.add(digest);
      }
    }
    return digests;
  };

  const imageDocuments = async (
    name: string,
    leases: readonly ObservedLease[],
    contents: ReadonlyMap<string, ContentInfo>,
  ) => {
    const found: Record<string, ImageDocument> = {};
    const held = new Set(leases.flatMap((lease) => (lease.resources ?? []).map((resource) => resource.id)));
    for (const info of contents.values()) {
      const labelled = Object.keys(info.labels).some((label) => label.startsWith(childLabel));
      if (!labelled || !held.has(info.digest) || info.size > documentLimitBytes) continue;
      const read = await document(name, info.digest);
      if (read !== undefined) found[info.digest] = read;
    }
    return found;
  };

  /**
   * A layer whose snapshot is there already is never fetched (CRI looks before it downloads), so neither content nor
   * download will ever show it. Asked from the lowest layer up to the first that has no snapshot: a snapshot keeps the
   * ones below it, so there is none above. Not asked from the first layer on that the client downloads, for the same
   * reason and because it has looked itself.
   */
  const committed = async (
    name: string,
    leases: readonly ObservedLease[],
    found: Readonly<Record<string, ImageDocument>>,
    contents: ReadonlyMap<string, ContentInfo>,
  ) => {
    const snapshotters = new Set<string>();
    for (const { type } of leases.flatMap((lease) => lease.resources ?? [])) {
      if (type.startsWith(snapshotType)) snapshotters.add(type.slice(snapshotType.length));
    }
    if (snapshotters.size === 0) snapshots.clear();
    const present = new Set<string>();
    for (const { resources = [] } of snapshotters.size === 0 ? [] : leases) {
      const downloads = resources.filter((one) => one.type === "ingests").map((one) => one.id);
      for (const { id } of resources) {
        const manifest = found[id];
        if (manifest?.kind !== "manifest") continue;
        const config = found[manifest.config];
        if (config?.kind !== "config") continue;
        const fetched = manifest.layers.findIndex(({ digest }) => downloads.some((ref) => ref.endsWith(digest)));
        const below = config.chainIds.slice(0, fetched === -1 ? manifest.layers.length : fetched);
        for (const snapshotter of snapshotters) {
          const wanted = below.filter((_, index) => !contents.has(manifest.layers[index]?.digest ?? ""));
          for (const chainId of await lowest(name, snapshotter, wanted)) present.add(chainId);
        }
      }
    }
    return [...present];
  };

  /** Those of a chain that have a snapshot, from the lowest up to the first that has none. */
  const lowest = async (name: string, snapshotter: string, chain: readonly string[]) => {
    const key = `${name}/${snapshotter}`;
    const known = snapshots.get(key) ?? new Set<string>();
    snapshots.set(key, known);
    for (const [index, chainId] of chain.entries()) {
      if (known.has(chainId)) continue;
      if (!(await containerd.hasSnapshot(name, snapshotter, chainId))) return chain.slice(0, index);
      known.add(chainId);
    }
    return chain;
  };

  /** The label of a repository has the host without its port; images from the same host tell the port. */
  const knownHosts = async (name: string, contents: ReadonlyMap<string, ContentInfo>) => {
    const known: Record<string, readonly string[]> = {};
    for (const info of contents.values()) {
      for (const label of Object.keys(info.labels)) {
        if (!label.startsWith(sourceLabel)) continue;
        const hostname = label.slice(sourceLabel.length);
        const key = `${name}/${hostname}`;
        const cached = hosts.get(key);
        if (
          cached !== undefined &&
          now() - cached.at < (cached.forms.length === 0 ? unknownHostRefreshMs : hostRefreshMs)
        ) {
          known[hostname] = cached.forms;
          continue;
        }
        const records = await containerd.imagesFrom(name, hostname);
        const forms = [...new Set(records.map((record) => record.name.slice(0, record.name.indexOf("/"))))];
        hosts.delete(key);
        hosts.set(key, { at: now(), forms });
        if (hosts.size > documentCacheSize) hosts.delete(hosts.keys().next().value ?? "");
        known[hostname] = forms;
      }
    }
    return known;
  };

  const unpacked = async (name: string, questions: Questions) => {
    const bytes: Record<string, number> = {};
    for (const { snapshotter, key } of questions.unpacks[name] ?? []) {
      const size = await containerd.snapshotBytes(name, snapshotter, key);
      if (size !== undefined) bytes[key] = size;
    }
    return bytes;
  };

  return {
    async observe(questions) {
      const at = now();
      const startedAt = socketMadeAt(socketPath);
      const observed: NamespaceObservation[] = [];
      for (const name of await allNamespaces()) observed.push(await observeNamespace(name, questions));
      busy = observed.filter((one) => one.ingests.length > 0).map((one) => one.name);
      const clock = busy.length === 0 ? undefined : fileClock.read();
      return {
        at,
        ...(startedAt === undefined ? {} : { containerdStartedAt: startedAt }),
        ...(clock === undefined ? {} : { fileClock: clock }),
        namespaces: observed,
      };
    },
    get downloading() {
      return busy.length > 0;
    },
    async glance() {
      const downloads: Glance["downloads"][number][] = [];
      for (const namespace of busy) downloads.push({ namespace, ingests: await containerd.ingests(namespace) });
      const clock = downloads.length === 0 ? undefined : fileClock.read();
      return { at: now(), ...(clock === undefined ? {} : { fileClock: clock }), downloads };
    },
  };
}

function quiet(name: string): NamespaceObservation {
  return {
    name,
    leases: [],
    ingests: [],
    contents: [],
    documents: {},
    images: [],
    snapshots: [],
    knownHosts: {},
    unpackedBytes: {},
  };
}

/** Config and layers that manifests name (an index names platforms that nobody fetches). */
function namedBy(documents: Readonly<Record<string, ImageDocument>>): string[] {
  return Object.values(documents).flatMap((one) =>
    one.kind === "manifest" ? [one.config, ...one.layers.map((layer) => layer.digest)] : [],
  );
}

/**
 * containerd makes its socket anew at each start, so the socket's age is the daemon's. Not asynchronous: handing so
 * little to another thread costs several times what it takes.
 */
function socketMadeAt(path: string): number | undefined {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return undefined;
  }
}
