import { setTimeout as pause } from "node:timers/promises";
import { backOff } from "./back-off.ts";
import { withRestart, type Kubernetes } from "./client.ts";
import { KubernetesError } from "./kubernetes-error.ts";
import type { KubernetesObject, ResourceKind } from "./resource.ts";

/** One difference between what was known and what is now. `deleted` is told for what a new list no longer has, too. */
export type ListChange<P> =
  | { readonly type: "added"; readonly key: string; readonly value: P }
  | { readonly type: "changed"; readonly key: string; readonly value: P; readonly previous: P }
  | { readonly type: "deleted"; readonly key: string; readonly previous: P };

export interface KeepListOptions<T extends KubernetesObject, P> {
  readonly kind: ResourceKind;
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly pageSize?: number;
  /** What is kept of an object: copy the few fields, never the object. Undefined: the object is as good as deleted. */
  project(object: T): P | undefined;
  /** True when a change is none for the listener. */
  same?(a: P, b: P): boolean;
  /** Called in order, never twice for the same version. What it throws is given to `onTrouble` and changes nothing. */
  onChange(change: ListChange<P>): void;
  /** After each list, when every difference to it was told. */
  onSync?(): void;
  /** A call failed and will be tried again; `retryInMs` is -1 when it was the listener that failed. */
  onTrouble?(error: Error, retryInMs: number): void;
  readonly timing?: Partial<KeepListTiming>;
}

export interface KeepListTiming {
  readonly firstRetryMs: number;
  readonly longestRetryMs: number;
  /** A watch that lived so long was a good one: the next follows without waiting for long. */
  readonly goodWatchMs: number;
  /** Without a byte for so long the connection counts as dead. The API server sends a bookmark each minute. */
  readonly silenceMs: number;
  /** Seconds that a watch is asked for; up to as much again by chance, so that they do not all end at once. */
  readonly watchSeconds: number;
}

const defaultTiming: KeepListTiming = {
  firstRetryMs: 250,
  longestRetryMs: 30_000,
  goodWatchMs: 500,
  silenceMs: 150_000,
  watchSeconds: 240,
};

export interface KeptListState {
  /** A list was read to its end. Stays true. */
  readonly synced: boolean;
  /** Milliseconds since the API server was last heard: a list, the start of a watch, an event or a bookmark. */
  readonly silentMs: number;
  /** What goes wrong now; gone with the next success. */
  readonly trouble?: Error;
  readonly lists: number;
  readonly watches: number;
  readonly changes: number;
  readonly items: number;
}

/** A collection that is kept equal to that of the API server. */
export interface KeptList<P> {
  get(key: string): P | undefined;
  values(): IterableIterator<P>;
  /** The first list was read; never rejects, and stays pending while the API server cannot be reached. */
  readonly synced: Promise<void>;
  state(): KeptListState;
  close(): Promise<void>;
}

/** `namespace/name`, or `name` of what has no namespace. */
export function keyOfObject(object: KubernetesObject): string {
  const { namespace, name = "" } = object.metadata;
  return namespace === undefined || namespace === "" ? name : `${namespace}/${name}`;
}

/**
 * Lists a collection and follows it for ever: a watch that ends or breaks goes on from the last version that was seen,
 * one whose version is too old (410) leads to a new list, and each difference is told once. Failures are waited out
 * with back-off and chance; none ends it.
 */
export function keepList<T extends KubernetesObject, P>(
  kubernetes: Pick<Kubernetes, "pages" | "watch">,
  options: KeepListOptions<T, P>,
): KeptList<P> {
  const timing = { ...defaultTiming, ...options.timing };
  const stop = new AbortController();
  const { signal } = stop;
  let kept = new Map<string, { readonly version: string; readonly value: P }>();
  const counts = { lists: 0, watches: 0, changes: 0 };
  let heardAt = performance.now();
  let trouble: Error | undefined;
  let version: string | undefined;
  let failures = 0;
  const first = Promise.withResolvers<void>();
  let synced = false;

  const scope = {
    ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
    ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
    signal,
  };
  const guarded = (call: () => void): void => {
    try {
      call();
    } catch (error) {
      options.onTrouble?.(error instanceof Error ? error : new Error(String(error)), -1);
    }
  };
  const tell = (change: ListChange<P>): void => {
    counts.changes += 1;
    guarded(() => options.onChange(change));
  };
  const heard = (): void => {
    heardAt = performance.now();
    trouble = undefined;
  };

  const remove = (key: string): void => {
    const known = kept.get(key);
    if (known === undefined) return;
    kept.delete(key);
    tell({ type: "deleted", key, previous: known.value });
  };
  const put = (object: T): void => {
    const key = keyOfObject(object);
    const newest = object.metadata.resourceVersion ?? "";
    const known = kept.get(key);
    if (known?.version === newest) return;
    const value = options.project(object);
    if (value === undefined) {
      remove(key);
      return;
    }
    if (known !== undefined && options.same?.(known.value, value) === true) {
      kept.set(key, { version: newest, value: known.value });
      return;
    }
    kept.set(key, { version: newest, value });
    if (known === undefined) tell({ type: "added", key, value });
    else tell({ type: "changed", key, value, previous: known.value });
  };

  const list = async (): Promise<string> => {
    const before = kept;
    const read = await withRestart(async () => {
      const items = new Map<string, { readonly version: string; readonly value: P }>();
      let newest = "";
      const pages = kubernetes.pages<T>(options.kind, {
        ...scope,
        ...(options.pageSize === undefined ? {} : { pageSize: options.pageSize }),
      });
      for await (const page of pages) {
        heard();
        newest = page.resourceVersion;
        for (const object of page.items) {
          const key = keyOfObject(object);
          const objectVersion = object.metadata.resourceVersion ?? "";
          const known = before.get(key);
          const value = known?.version === objectVersion ? known.value : options.project(object);
          if (value !== undefined) items.set(key, { version: objectVersion, value });
        }
      }
      return { items, newest };
    });
    // The new state stands before the first change is told: a listener that looks sees all of it.
    const items = read.items;
    for (const [key, { version, value }] of items) {
      const known = before.get(key);
      if (known !== undefined && known.value !== value && options.same?.(known.value, value) === true)
        items.set(key, { version, value: known.value });
    }
    kept = items;
    for (const [key, { value }] of before) if (!items.has(key)) tell({ type: "deleted", key, previous: value });
    for (const [key, { value }] of items) {
      const known = before.get(key);
      if (known === undefined) tell({ type: "added", key, value });
      else if (known.value !== value) tell({ type: "changed", key, value, previous: known.value });
    }
    counts.lists += 1;
    guarded(() => options.onSync?.());
    if (!synced) {
      synced = true;
      first.resolve();
    }
    return read.newest;
  };

  const follow = async (from: string): Promise<void> => {
    const timeoutSeconds = Math.round(timing.watchSeconds * (1 + Math.random()));
    const events = kubernetes.watch<T>(options.kind, {
      ...scope,
      resourceVersion: from,
      timeoutSeconds,
      silenceMs: timing.silenceMs,
      onOpen: heard,
    });
    counts.watches += 1;
    for await (const { type, object } of events) {
      heard();
      failures = 0;
      if (type === "DELETED") remove(keyOfObject(object));
      else if (type !== "BOOKMARK") put(object);
      version = object.metadata.resourceVersion;
    }
  };

  const wait = async (milliseconds: number): Promise<void> => {
    await pause(milliseconds, undefined, { signal, ref: false }).catch(() => {});
  };

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      const startedAt = performance.now();
      try {
        if (version === undefined) {
          version = await list();
          failures = 0;
        }
        await follow(version);
        if (performance.now() - startedAt >= timing.goodWatchMs) failures = 0;
        else failures += 1;
        // Even good watches are not begun anew without a pause: a server that ends each at once is left in peace.
        if (!signal.aborted) await wait(failures === 0 ? Math.random() * 50 : backOff(failures, limits, Math.random()));
      } catch (error) {
        if (signal.aborted) return;
        const fault = error instanceof Error ? error : new Error(String(error));
        if (fault instanceof KubernetesError && fault.code === "EXPIRED") {
          version = undefined;
          // Two in a row: the server compacts faster than we read, and must not be flooded with lists.
          failures += 1;
          if (failures === 1) continue;
        } else failures += 1;
        trouble = fault;
        const retryAfterMs = fault instanceof KubernetesError ? fault.retryAfterMs : undefined;
        const waitMs = backOff(failures, limits, Math.random(), retryAfterMs);
        options.onTrouble?.(fault, waitMs);
        await wait(waitMs);
      }
    }
  };
  const limits = { firstMs: timing.firstRetryMs, mostMs: timing.longestRetryMs };
  const running = run();

  return {
    get: (key) => kept.get(key)?.value,
    *values() {
      for (const { value } of kept.values()) yield value;
    },
    synced: first.promise,
    state: () => ({
      synced,
      silentMs: performance.now() - heardAt,
      ...(trouble === undefined ? {} : { trouble }),
      ...counts,
      items: kept.size,
    }),
    async close() {
      stop.abort();
      await running;
    },
  };
}
