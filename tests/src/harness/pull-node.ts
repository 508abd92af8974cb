import { setTimeout as sleep } from "node:timers/promises";
import type { PullList, PullStatus } from "@waybill/pulltrace/contract";
import {
  type ContainerdProgram,
  type MadeImage,
  type RegistryProxy,
  type RunningContainerd,
  type RunningPull,
  startContainerd,
  startRegistryProxy,
} from "@waybill/pulltrace/testing";
import { until } from "./until.ts";
import { type RunningWaybill, startWaybill } from "./waybill.ts";

/** What the server said of this node at one moment, and what had gone over the wire by then. */
export interface Look {
  /** Milliseconds since 1970, after the answer was there. */
  readonly at: number;
  readonly pulls: readonly PullStatus[];
  /** By digest: bytes of the blob that the proxy had handed to containerd. */
  readonly wire: ReadonlyMap<string, number>;
}

/** A node: containerd, an agent as a process of its own, and a proxy that is containerd's only way to the registry. */
export interface PullNode extends AsyncDisposable {
  readonly name: string;
  readonly containerd: RunningContainerd;
  readonly agent: RunningWaybill;
  readonly proxy: RegistryProxy;
  /** One twice a second, from the start on. */
  readonly looks: readonly Look[];
  pull(image: MadeImage, options?: { namespace?: string; tag?: string; byDigest?: boolean }): RunningPull;
  /** The pulls of a repository as they are told now, newest last. */
  rows(repository: string): Promise<PullStatus[]>;
  /** Waits for the newest pull of the repository to be as asked. */
  untilRow(repository: string, what: (row: PullStatus) => boolean): Promise<PullStatus>;
}

const lookEveryMs = 500;

export async function startPullNode(options: {
  readonly name: string;
  readonly program: ContainerdProgram;
  readonly server: RunningWaybill;
  readonly registry: string;
  readonly bytesPerSecond: number;
  readonly rootLimitBytes?: number;
}): Promise<PullNode> {
  const { name, server } = options;
  await using stack = new AsyncDisposableStack();
  const { hostname: host, port } = new URL(options.registry);
  const proxy = stack.adopt(
    await startRegistryProxy({ target: { host, port: Number(port) }, bytesPerSecond: options.bytesPerSecond }),
    (one) => one.close(),
  );
  const limit = options.rootLimitBytes === undefined ? {} : { rootLimitBytes: options.rootLimitBytes };
  const containerd = stack.adopt(await startContainerd({ ...options.program, ...limit }), (one) => one.close());
  const agent = stack.adopt(
    await startWaybill(["pulltrace", "agent"], {
      PULLTRACE_NODE_NAME: name,
      PULLTRACE_SERVER_URL: server.url,
      PULLTRACE_CONTAINERD_SOCKET: containerd.socket,
      PULLTRACE_ALLOWED_SOCKETS: containerd.socket,
      PULLTRACE_REPORT_INTERVAL: "500ms",
    }),
    (one) => one.close(),
  );
  const list = async () => (await (await fetch(`${server.url}/api/v1/pulls?node=${name}`)).json()) as PullList;
  await until(`the first report of ${name}`, async () => ((await list()).nodes.length > 0 ? true : undefined));

  const looks: Look[] = [];
  const stop = new AbortController();
  const watching = (async () => {
    while (!stop.signal.aborted) {
      const { pulls } = await list();
      const digests = new Set(proxy.transfers.map((one) => one.reference));
      looks.push({ at: Date.now(), pulls, wire: new Map([...digests].map((one) => [one, proxy.bytesOf(one)])) });
      await sleep(lookEveryMs);
    }
  })();
  // Before the proxy and the server go.
  stack.defer(async () => {
    stop.abort();
    await watching;
  });
  const rows = async (repository: string) =>
    (await list()).pulls
      .filter((row) => row.imageRef.includes(`/${repository}@`) || row.imageRef.includes(`/${repository}:`))
      .toSorted((one, other) => Date.parse(one.startedAt) - Date.parse(other.startedAt));
  const owned = stack.move();
  return {
    name,
    containerd,
    agent,
    proxy,
    looks,
    pull(image, how = {}) {
      const [repository = ""] = image.reference.split(":");
      const tagged = how.tag === undefined ? image.reference : `${repository}:${how.tag}`;
      const reference = how.byDigest === true ? `${repository}@${image.rootDigest}` : tagged;
      return containerd.pull(`${proxy.address}/${reference}`, {
        maxConcurrentDownloads: 3,
        ...(how.namespace === undefined ? {} : { namespace: how.namespace }),
      });
    },
    rows,
    untilRow: (repository, what) =>
      until(
        `a pull of ${repository} on ${name}`,
        async () => {
          const row = (await rows(repository)).at(-1);
          return row !== undefined && what(row) ? row : undefined;
        },
        { state: async () => JSON.stringify(await rows(repository), undefined, 1) },
      ),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
