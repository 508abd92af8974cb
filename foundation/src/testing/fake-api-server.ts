import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { KubernetesObject } from "../kubernetes/index.ts";

/** How the fake misbehaves. May be changed while it runs. */
export interface FakeApiTrouble {
  /** A watch breaks (its socket is reset) after so many events. */
  cutAfterEvents?: number | undefined;
  /** Milliseconds after which each watch breaks. */
  cutAfterMs?: number | undefined;
  /** Answers the next requests so, once each. */
  answers: { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string> }[];
  /** Written into the next watch as they are. */
  lines: string[];
  /** Watches say nothing, not even headers that end: a peer that is half dead. */
  silent?: boolean | undefined;
  /** Milliseconds between bookmarks. */
  bookmarkMs?: number | undefined;
  /** Told of each request before it is answered, with its number from 1. */
  onRequest?: ((count: number) => void) | undefined;
}

/**
 * **A fake**, for speed: a real HTTP server that keeps objects in memory and answers list (paged), watch (resumed,
 * with bookmarks, 410 as an ERROR event), create and delete as an API server does, for all kinds of one path each. What
 * it leaves out (validation, RBAC, patches) is tested with a real kube-apiserver in `tests/cluster`.
 */
export interface FakeApiServer extends AsyncDisposable {
  readonly url: string;
  readonly trouble: FakeApiTrouble;
  /** `GET /api/v1/pods?watch=…` and so on, in the order of arrival. */
  readonly requests: { readonly method: string; readonly url: string; readonly authorization: string | undefined }[];
  /** Adds or replaces; the version is set here. */
  put(collection: string, object: KubernetesObject): void;
  remove(collection: string, key: string): void;
  keys(collection: string): string[];
  openWatches(): number;
  /** Forgets the past: watches and lists that go on from it get 410. */
  compact(): void;
  cutWatches(): void;
}

interface Recorded {
  readonly version: number;
  readonly collection: string;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: KubernetesObject;
}

interface Watch {
  readonly response: ServerResponse;
  readonly collection: string;
  readonly namespace: string | undefined;
  sent: number;
  readonly timers: NodeJS.Timeout[];
}

const keyOf = ({ metadata }: KubernetesObject): string => `${metadata.namespace ?? ""}/${metadata.name ?? ""}`;

export async function startFakeApiServer(): Promise<FakeApiServer> {
  const trouble: FakeApiTrouble = { answers: [], lines: [] };
  const requests: FakeApiServer["requests"] = [];
  const collections = new Map<string, Map<string, KubernetesObject>>();
  const watches = new Set<Watch>();
  let history: Recorded[] = [];
  let version = 100;
  let compacted = 0;

  const inCollection = (name: string): Map<string, KubernetesObject> => {
    const known = collections.get(name) ?? new Map<string, KubernetesObject>();
    collections.set(name, known);
    return known;
  };
  const end = (watch: Watch): void => {
    for (const timer of watch.timers) clearTimeout(timer);
    watches.delete(watch);
  };
  const send = (watch: Watch, event: object): void => {
    if (trouble.silent === true) return;
    watch.response.write(`${JSON.stringify(event)}\n`);
    watch.sent += 1;
    if (trouble.cutAfterEvents !== undefined && watch.sent >= trouble.cutAfterEvents) {
      end(watch);
      // What was written has to go out before the reset, as it does when a proxy dies.
      watch.response.socket?.end();
    }
  };
  const wants = (watch: Watch, recorded: Recorded): boolean =>
    watch.collection === recorded.collection &&
    (watch.namespace === undefined || watch.namespace === recorded.object.metadata.namespace);
  const record = (collection: string, type: Recorded["type"], object: KubernetesObject): void => {
    const recorded: Recorded = { version, collection, type, object };
    history.push(recorded);
    for (const watch of watches) if (wants(watch, recorded)) send(watch, { type, object });
  };
  const answer = (response: ServerResponse, status: number, body: unknown, headers = {}): void => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };
  const expired = { kind: "Status", status: "Failure", code: 410, reason: "Expired", message: "too old" };

  const openWatch = (url: URL, collection: string, namespace: string | undefined, response: ServerResponse): void => {
    const from = Number(url.searchParams.get("resourceVersion"));
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    const watch: Watch = { response, collection, namespace, sent: 0, timers: [] };
    watches.add(watch);
    response.on("close", () => end(watch));
    for (const line of trouble.lines.splice(0)) response.write(`${line}\n`);
    if (from < compacted) {
      send(watch, { type: "ERROR", object: expired });
      response.end();
      return;
    }
    for (const recorded of history) {
      if (recorded.version > from && watches.has(watch) && wants(watch, recorded))
        send(watch, { type: recorded.type, object: recorded.object });
    }
    const { cutAfterMs, bookmarkMs } = trouble;
    if (cutAfterMs !== undefined) watch.timers.push(setTimeout(() => response.socket?.destroy(), cutAfterMs));
    if (bookmarkMs !== undefined) {
      const object = () => ({ kind: "Pod", metadata: { resourceVersion: String(version) } });
      watch.timers.push(setInterval(() => send(watch, { type: "BOOKMARK", object: object() }), bookmarkMs));
    }
    const seconds = Number(url.searchParams.get("timeoutSeconds") ?? 300);
    watch.timers.push(setTimeout(() => response.end(), seconds * 1_000));
  };

  const list = (url: URL, collection: string, namespace: string | undefined, response: ServerResponse): void => {
    const limit = Number(url.searchParams.get("limit") ?? 1_000_000);
    const [at = "0", listVersion = String(version)] = (url.searchParams.get("continue") ?? "")
      .split("@")
      .filter(Boolean);
    if (Number(listVersion) < compacted) return answer(response, 410, expired);
    const all = [...inCollection(collection).values()]
      .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace)
      .toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    const next = Number(at) + limit;
    answer(response, 200, {
      kind: "List",
      metadata: { resourceVersion: listVersion, ...(next < all.length ? { continue: `${next}@${listVersion}` } : {}) },
      items: all.slice(Number(at), next),
    });
  };

  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", "http://fake");
    requests.push({
      method: request.method ?? "",
      url: request.url ?? "",
      authorization: request.headers.authorization,
    });
    trouble.onRequest?.(requests.length);
    const next = trouble.answers.shift();
    if (next !== undefined) return answer(response, next.status, next.body ?? {}, next.headers);
    const [, namespace, plural = ""] =
      /^\/apis?\/(?:[\w.]+\/)?v1\/(?:namespaces\/([^/]+)\/)?(\w+)/.exec(url.pathname) ?? [];
    if (url.searchParams.get("watch") === "true") openWatch(url, plural, namespace, response);
    else list(url, plural, namespace, response);
  };

  const server: Server = createServer((request, response) => {
    request.resume();
    void take(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    trouble,
    requests,
    put(collection, object) {
      version += 1;
      const known = inCollection(collection).has(keyOf(object));
      const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
      inCollection(collection).set(keyOf(object), stored);
      record(collection, known ? "MODIFIED" : "ADDED", stored);
    },
    remove(collection, key) {
      const known = inCollection(collection).get(key);
      if (known === undefined) return;
      version += 1;
      inCollection(collection).delete(key);
      record(collection, "DELETED", { ...known, metadata: { ...known.metadata, resourceVersion: String(version) } });
    },
    keys: (collection) => [...inCollection(collection).keys()],
    openWatches: () => watches.size,
    compact() {
      // Even the present counts as past: whoever goes on from before this moment has to list anew.
      version += 1;
      compacted = version;
      history = [];
    },
    cutWatches() {
      for (const watch of watches) watch.response.socket?.destroy();
    },
    async [Symbol.asyncDispose]() {
      for (const watch of watches) end(watch);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
