import { join } from "node:path";
import { temporaryFolder } from "@waybill/foundation/testing";
import type { PullList, PullStatus } from "@waybill/pulltrace/contract";
import { buildSampleImage, writeOciLayout, type SampleImage, type SampleLayerInit } from "@waybill/waybill/sample";
import { startContainerd, type RunningContainerd } from "./containerd.ts";
import { rateLimitedProxy, type RateLimitedProxy } from "./proxy.ts";
import { skopeoPush } from "./skopeo.ts";
import { until } from "./until.ts";
import { startWaybill, type RunningWaybill } from "./waybill.ts";

export const nodeName = "node-under-test";

/** Everything of a real installation on one machine: store, manager, server, page; a node with containerd and agent. */
export interface Stage extends AsyncDisposable {
  readonly waybill: RunningWaybill;
  readonly agent: RunningWaybill;
  readonly containerd: RunningContainerd;
  /** The only way from containerd to the store. */
  readonly link: RateLimitedProxy;
  /** Builds an image and pushes it with skopeo; answers its description. */
  publish(name: string, layers: readonly SampleLayerInit[]): Promise<SampleImage>;
  /** The reference by which containerd pulls it through the link. */
  referenceOf(image: SampleImage): string;
  pulls(): Promise<PullList>;
  /** The newest row of this image; undefined while there is none. */
  row(image: SampleImage): Promise<PullStatus | undefined>;
  /** The server's value of a metric without labels. */
  metric(name: string): Promise<number>;
}

/** Creates tenants of the embedded cluster through the API, as an operator would. */
async function createTenants(url: string, names: readonly string[]): Promise<void> {
  const { items } = (await (await fetch(`${url}/api/v1/clusters`)).json()) as { items: { id: string; name: string }[] };
  const cluster = items[0];
  if (cluster === undefined) throw new Error("the embedded cluster is missing");
  for (const name of names) {
    const response = await fetch(`${url}/api/v1/clusters/${cluster.id}/tenants`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name }),
    });
    if (response.status !== 201) throw new Error(`tenant ${name}: ${response.status} ${await response.text()}`);
  }
}

export async function setStage(options: {
  readonly tenants: readonly string[];
  readonly bytesPerSecond: number;
}): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder("waybill-stage-"));
  const waybill = stack.adopt(await startWaybill(["--data", join(folder.path, "data")]), (running) => running.close());
  await createTenants(waybill.url, options.tenants);
  const { hostname: host, port } = new URL(waybill.url);
  const link = stack.adopt(
    await rateLimitedProxy({ target: { host, port: Number(port) }, bytesPerSecond: options.bytesPerSecond }),
    (proxy) => proxy.close(),
  );
  const containerd = stack.adopt(await startContainerd(), (running) => running.close());
  const agent = stack.adopt(
    await startWaybill(["pulltrace", "agent"], {
      PULLTRACE_NODE_NAME: nodeName,
      PULLTRACE_SERVER_URL: waybill.url,
      PULLTRACE_CONTAINERD_SOCKET: containerd.socket,
      PULLTRACE_ALLOWED_SOCKETS: containerd.socket,
    }),
    (running) => running.close(),
  );

  const pulls = async (): Promise<PullList> => (await (await fetch(`${waybill.url}/api/v1/pulls`)).json()) as PullList;
  await until("the first report of the agent", async () =>
    (await pulls()).nodes.some((node) => node.nodeName === nodeName && node.reporting) ? true : undefined,
  );
  const owned = stack.move();
  let published = 0;
  return {
    waybill,
    agent,
    containerd,
    link,
    async publish(name, layers) {
      const image = await buildSampleImage({ name, layers });
      const layout = join(folder.path, `layout-${published++}`);
      await writeOciLayout(layout, image);
      await skopeoPush(layout, `${image.name}:${image.tag}`, waybill.url);
      return image;
    },
    referenceOf: (image) => `${link.address}/${image.name}:${image.tag}`,
    pulls,
    async row(image) {
      const list = await pulls();
      return list.pulls.find((pull) => pull.manifestDigest === image.manifest.digest);
    },
    async metric(name) {
      const text = await (await fetch(waybill.metricsUrl)).text();
      const value = new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1];
      if (value === undefined) throw new Error(`no metric ${name}`);
      return Number(value);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
