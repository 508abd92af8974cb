import type { Connection } from "./connection.ts";
import { KubernetesError } from "./kubernetes-error.ts";
import { nameOfKind, pathOf, type KubernetesObject, type ResourceKind, type ResourcePlace } from "./resource.ts";
import { badAnswer, createTransport, type ApiCall } from "./transport.ts";
import { watchEvents, type WatchEvent } from "./watch.ts";

export interface ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Objects a page. */
  readonly pageSize?: number;
  readonly signal?: AbortSignal;
}

export interface ListPage<T> {
  readonly items: readonly T[];
  /** The state of the collection at which the first page was read; a watch goes on from here. */
  readonly resourceVersion: string;
}

export interface WatchOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Events after this version. */
  readonly resourceVersion: string;
  /** Seconds after which the server ends it. */
  readonly timeoutSeconds?: number;
  /** Milliseconds without a byte, bookmarks included, after which the connection counts as dead. */
  readonly silenceMs?: number;
  /** The server has taken the watch. */
  readonly onOpen?: () => void;
  readonly signal?: AbortSignal;
}

export interface WriteOptions {
  readonly dryRun?: boolean;
  /** Who writes; shown as the owner of fields. */
  readonly fieldManager?: string;
  readonly signal?: AbortSignal;
}

export interface DeleteOptions {
  readonly propagation?: "Foreground" | "Background" | "Orphan";
  readonly gracePeriodSeconds?: number;
  /** Refused with CONFLICT when the object is not this one any more. */
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly signal?: AbortSignal;
}

/** One API server. All calls throw KubernetesError, or what their signal was aborted with. */
export interface Kubernetes {
  readonly server: string;
  /** Namespace of the kubeconfig's context or the service account. */
  readonly namespace: string | undefined;
  /** All objects, a page at a time, of one consistent state. EXPIRED when it is
   * compacted away half-way: begin anew (`withRestart`). */
  pages<T extends KubernetesObject>(kind: ResourceKind, o?: ListOptions): AsyncGenerator<ListPage<T>>;
  /** All objects at once: for small collections. */
  list<T extends KubernetesObject>(kind: ResourceKind, o?: ListOptions): Promise<ListPage<T>>;
  /** One connection's events; ends with the connection. `keepList` keeps going. */
  watch<T extends KubernetesObject>(kind: ResourceKind, o: WatchOptions): AsyncGenerator<WatchEvent<T>>;
  get<T extends KubernetesObject>(kind: ResourceKind, place: ResourcePlace, signal?: AbortSignal): Promise<T>;
  /** Also creates subresources: `eviction`, `token`, `binding`. */
  create<T extends KubernetesObject>(kind: ResourceKind, place: ResourcePlace, object: T, o?: WriteOptions): Promise<T>;
  /** CONFLICT when `metadata.resourceVersion` is not the newest. */
  update<T extends KubernetesObject>(kind: ResourceKind, place: ResourcePlace, object: T, o?: WriteOptions): Promise<T>;
  /** Server-side apply. CONFLICT names the fields and who owns them, unless `force`. */
  apply<T extends KubernetesObject>(
    kind: ResourceKind,
    place: ResourcePlace,
    object: T,
    o: WriteOptions & { readonly fieldManager: string; readonly force?: boolean },
  ): Promise<T>;
  /** A list is a JSON patch (RFC 6902), an object a merge patch (RFC 7386). */
  patch<T extends KubernetesObject>(
    kind: ResourceKind,
    place: ResourcePlace,
    patch: object,
    o?: WriteOptions,
  ): Promise<T>;
  delete(kind: ResourceKind, place: ResourcePlace, o?: DeleteOptions): Promise<void>;
  /** Any path, for what has no kind: `/version`, `/readyz?verbose` excluded since it is no JSON. */
  read(path: string, signal?: AbortSignal): Promise<unknown>;
  close(): void;
}

const defaultPageSize = 500;
const mostPages = 10_000;
const defaultSilenceMs = 150_000;
const mostEventBytes = 8 * 1024 * 1024;

export function createKubernetes(connection: Connection): Kubernetes {
  const transport = createTransport(connection);

  const object = async <T extends KubernetesObject>(call: ApiCall): Promise<T> => {
    const value = await transport.json(call);
    if (typeof value !== "object" || value === null) throw badAnswer(call, "the answer is no object");
    return value as T;
  };
  const written = <T extends KubernetesObject>(
    verb: string,
    method: ApiCall["method"],
    kind: ResourceKind,
    place: ResourcePlace,
    body: object,
    o: (WriteOptions & { readonly force?: boolean }) | undefined,
    contentType?: string,
  ): Promise<T> =>
    object<T>({
      method,
      path: pathOf(kind, place),
      query: {
        fieldManager: o?.fieldManager,
        force: o?.force === true ? true : undefined,
        dryRun: o?.dryRun === true ? "All" : undefined,
      },
      body,
      what: `${verb} ${described(kind, place)}`,
      ...(contentType === undefined ? {} : { contentType }),
      ...(o?.signal === undefined ? {} : { signal: o.signal }),
    });

  async function* pages<T extends KubernetesObject>(
    kind: ResourceKind,
    o: ListOptions = {},
  ): AsyncGenerator<ListPage<T>> {
    const call = {
      method: "GET",
      path: pathOf(kind, o.namespace === undefined ? {} : { namespace: o.namespace }),
      what: `list ${described(kind, o)}`,
      ...(o.signal === undefined ? {} : { signal: o.signal }),
    } as const;
    let next: string | undefined;
    for (let page = 0; page < mostPages; page += 1) {
      const body = (await transport.json({
        ...call,
        query: {
          limit: o.pageSize ?? defaultPageSize,
          continue: next,
          labelSelector: o.labelSelector,
          fieldSelector: o.fieldSelector,
        },
      })) as { items?: unknown; metadata?: { resourceVersion?: unknown; continue?: unknown } } | null;
      const version = body?.metadata?.resourceVersion;
      if (typeof version !== "string" || !(Array.isArray(body?.items) || body?.items === null))
        throw badAnswer(call, "the answer is no list");
      yield { items: (body.items ?? []) as T[], resourceVersion: version };
      const more = body.metadata?.continue;
      if (typeof more !== "string" || more === "") return;
      if (more === next) throw badAnswer(call, "the list does not go on");
      next = more;
    }
    throw badAnswer(call, `the list has more than ${mostPages} pages`);
  }

  return {
    server: connection.server,
    namespace: connection.namespace,
    pages,
    async list<T extends KubernetesObject>(kind: ResourceKind, o: ListOptions = {}): Promise<ListPage<T>> {
      return withRestart(async () => {
        const items: T[] = [];
        let resourceVersion = "";
        for await (const page of pages<T>(kind, o)) {
          items.push(...page.items);
          resourceVersion = page.resourceVersion;
        }
        return { items, resourceVersion };
      });
    },
    async *watch<T extends KubernetesObject>(kind: ResourceKind, o: WatchOptions): AsyncGenerator<WatchEvent<T>> {
      const what = `watch ${described(kind, o)}`;
      const body = await transport.stream({
        method: "GET",
        path: pathOf(kind, o.namespace === undefined ? {} : { namespace: o.namespace }),
        query: {
          watch: true,
          resourceVersion: o.resourceVersion,
          allowWatchBookmarks: true,
          timeoutSeconds: o.timeoutSeconds ?? 300,
          labelSelector: o.labelSelector,
          fieldSelector: o.fieldSelector,
        },
        what,
        ...(o.signal === undefined ? {} : { signal: o.signal }),
      });
      o.onOpen?.();
      yield* watchEvents<T>(body, what, { silenceMs: o.silenceMs ?? defaultSilenceMs, mostEventBytes });
    },
    get: (kind, place, signal) =>
      object({
        method: "GET",
        path: pathOf(kind, place),
        what: `get ${described(kind, place)}`,
        ...(signal === undefined ? {} : { signal }),
      }),
    create: (kind, place, body, o) => written("create", "POST", kind, place, body, o),
    update: (kind, place, body, o) => written("update", "PUT", kind, place, body, o),
    // JSON is YAML, and the content type is what asks for server-side apply.
    apply: (kind, place, body, o) => written("apply", "PATCH", kind, place, body, o, "application/apply-patch+yaml"),
    patch: (kind, place, patch, o) =>
      written(
        "patch",
        "PATCH",
        kind,
        place,
        patch,
        o,
        Array.isArray(patch) ? "application/json-patch+json" : "application/merge-patch+json",
      ),
    async delete(kind, place, o = {}) {
      await transport.json({
        method: "DELETE",
        path: pathOf(kind, place),
        what: `delete ${described(kind, place)}`,
        body: {
          kind: "DeleteOptions",
          apiVersion: "v1",
          ...(o.propagation === undefined ? {} : { propagationPolicy: o.propagation }),
          ...(o.gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: o.gracePeriodSeconds }),
          ...(o.uid === undefined && o.resourceVersion === undefined
            ? {}
            : {
                preconditions: {
                  ...(o.uid === undefined ? {} : { uid: o.uid }),
                  ...(o.resourceVersion === undefined ? {} : { resourceVersion: o.resourceVersion }),
                },
              }),
        },
        ...(o.signal === undefined ? {} : { signal: o.signal }),
      });
    },
    read: (path, signal) =>
      transport.json({ method: "GET", path, what: `get ${path}`, ...(signal === undefined ? {} : { signal }) }),
    close: () => transport.close(),
  };
}

const mostRestarts = 3;

/** A list whose continue token was compacted away in mid-list (410) is begun anew, a few times. */
export async function withRestart<T>(read: () => Promise<T>): Promise<T> {
  for (let restarts = 0; ; restarts += 1) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.code !== "EXPIRED" || restarts >= mostRestarts) throw error;
    }
  }
}

function described(kind: ResourceKind, place: ResourcePlace): string {
  const where = kind.namespaced && place.namespace !== undefined ? ` in namespace ${place.namespace}` : "";
  const name = place.name === undefined ? "" : ` ${place.name}`;
  const part = place.subresource === undefined ? "" : `/${place.subresource}`;
  return `${nameOfKind(kind)}${part}${name}${where}`;
}
