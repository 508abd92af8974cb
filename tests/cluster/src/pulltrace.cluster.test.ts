import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keepScreenshot, launchBrowser } from "../../src/harness/browser.ts";
import { startCluster } from "./cluster.ts";
import type { Cluster } from "./contract.ts";
import { clusterMissing, containerd2Folder } from "./missing.ts";
import {
  allReport,
  applyChart,
  deployment,
  installPulltrace,
  type InstalledPulltrace,
  type LargeImage,
  namespace,
  pushLargeImage,
} from "./testing/pulltrace.ts";
import { readUntil, until } from "./until.ts";

/**
 * Pulltrace on a real cluster, from its chart, with images of our own registry, as a person in front of its page sees it.
 * One kubelet has containerd 1.6, the other 2.2.
 */

const missing = await clusterMissing();
const reason = missing === undefined ? "" : ` (not tried: ${missing})`;
const mebibyte = 1024 * 1024;

let cluster: Cluster;
let pulltrace: InstalledPulltrace;
let browser: Browser;
let page: Page;
const complaints: string[] = [];

const short = (name: string): string => name.replaceAll("/", String.raw`\/`);
const progress = (name: string, node: string): Locator =>
  page.getByRole("progressbar", { name: new RegExp(`${short(name)}.* on ${node}$`) });
const row = (name: string, node: string): Locator =>
  page
    .locator("[role=row][data-pull]")
    .filter({ has: progress(name, node) })
    .first();
const percent = async (name: string, node: string): Promise<number> =>
  Number((await progress(name, node).first().getAttribute("aria-valuenow")) ?? -1);
const live = (): Promise<void> => page.getByTestId("connection").getByText("live").waitFor();
const reporting = (words: string): Promise<void> => page.getByTestId("figure-nodes").getByText(words).waitFor();

/** Waits until the row of this node shows more than so many percent, and less than all; answers how many. */
async function inFlight(name: string, node: string, from = 0): Promise<number> {
  let now = -1;
  await until(
    `the row of ${name} on ${node} to be in flight`,
    async () => {
      now = await percent(name, node);
      return now > from && now < 100;
    },
    { state: async () => JSON.stringify(await pulltrace.pulls()) },
  );
  return now;
}
const done = (name: string, node: string): Promise<void> =>
  row(name, node).getByText("done", { exact: true }).waitFor();
/** Minutes for a large image: something is in flight however long a cluster needs to start pods again. */
const slow = mebibyte / 8;
const limit = (bytesPerSecond: number | undefined): Promise<unknown> =>
  Promise.all(cluster.nodes.filter(({ running }) => running).map(({ link }) => link.setRate(bytesPerSecond)));

beforeAll(async () => {
  if (missing !== undefined) return;
  cluster = await startCluster({ nodes: 1, onProgress: (line) => process.stdout.write(`${line}\n`) });
  // The distribution's 1.6, and what current Kubernetes ships.
  await cluster.addNode({ containerdFolder: await containerd2Folder() });
  pulltrace = await installPulltrace(cluster);
  browser = await launchBrowser();
  page = await browser.newPage({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" });
  page.setDefaultTimeout(300_000);
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(pulltrace.urlAt(cluster.node("node-2")));
});
afterAll(async () => {
  await browser?.close();
  await cluster?.stop();
});

describe.skipIf(missing !== undefined)(`Pulltrace on a cluster of two nodes${reason}`, () => {
  it("VALID-01: is installed by its chart, from our registry, with an agent on each node and a page", async () => {
    await live();
    await reporting("2 of 2");
    expect(await pulltrace.pods("agent")).toHaveLength(2);
    expect((await pulltrace.nodes()).map(({ nodeName }) => nodeName).toSorted()).toEqual(["node-1", "node-2"]);
    const [agent = ""] = await pulltrace.pods("agent", "node-2");
    const pushed = await fetch(`${cluster.registry}/v2/waybill/pulltrace-agent/manifests/0.1.0`, {
      headers: { accept: "application/vnd.oci.image.index.v1+json" },
    });
    const digest = pushed.headers.get("docker-content-digest");
    expect(digest).toMatch(/^sha256:/);
    // An agent may report before its kubelet has told of its container.
    await readUntil(
      `the agent to run the image ${digest}`,
      () =>
        cluster.get<{
          readonly status: { readonly containerStatuses?: readonly { readonly imageID: string }[] };
        }>(["pod", agent, "--namespace", namespace]),
      ({ status }) => status.containerStatuses?.[0]?.imageID.endsWith(`@${digest}`) === true,
    );
  });

  describe("a rollout of a fresh large image to both nodes, through a slow link", () => {
    const nodes = ["node-1", "node-2"];
    let image: LargeImage;
    let bytesBefore: number;
    let pullsBefore: number;
    const mine = async () => (await pulltrace.pulls()).filter(({ manifestDigest }) => manifestDigest === image.digest);

    beforeAll(async () => {
      image = await pushLargeImage(cluster, "team-a/large", [10, 16, 6, 40]);
      bytesBefore = await pulltrace.metric("pulltrace_pull_bytes_total");
      pullsBefore = await pulltrace.metric("pulltrace_pulls_total");
      // Minutes: what is to be seen in flight lasts until the limit is taken away, however long the looking takes.
      await limit(mebibyte / 2);
      await cluster.apply(deployment("large", image.reference, { replicas: 2 }));
    });

    it("VALID-02: the page shows the progress on each node, and it goes on", async () => {
      for (const node of nodes) {
        const early = await inFlight("team-a/large", node, 2);
        expect(await inFlight("team-a/large", node, early)).toBeGreaterThan(early);
      }
    });

    it("VALID-04: the rows name the pods that wait for it", async () => {
      for (const node of nodes)
        await row("team-a/large", node)
          .getByText(/^(?:default\/)?large-/)
          .waitFor();
      const pods = expect.arrayContaining([
        expect.objectContaining({
          namespace: "default",
          podName: expect.stringMatching(/^large-/) as string,
          container: "app",
          image: image.reference,
        }),
      ]) as unknown;
      expect((await mine()).map((pull) => pull.pods)).toEqual([pods, pods]);
    });

    it("VALID-05: an opened row has each layer with its size and phase", async () => {
      await row("team-a/large", "node-2").getByRole("button").first().click();
      const details = page.getByRole("region", { name: /Details of .*team-a\/large/ });
      const layers = details.getByRole("table").first().getByRole("row");
      await layers.nth(image.layers.length).waitFor();
      expect(await layers.count()).toBe(1 + image.layers.length);
      await layers.filter({ hasText: "16.0 MiB" }).first().waitFor();
      await layers.filter({ hasText: "downloading" }).first().waitFor();
      await keepScreenshot(page, "cluster-rollout");
      await page.keyboard.press("Escape");
    });

    it("VALID-03: the metrics answer with the truth, during the rollout and after it", async () => {
      await pulltrace.metricIs("pulltrace_pulls_active", 2);
      await pulltrace.metricIs("pulltrace_agents_connected", 2);
      await limit(undefined);
      for (const node of nodes) await done("team-a/large", node);
      await cluster.waitFor("deployment/large", "condition=Available");
      const bytes = image.layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
      await pulltrace.metricIs("pulltrace_pull_bytes_total", bytesBefore + 2 * bytes);
      await pulltrace.metricIs("pulltrace_pulls_total", pullsBefore + 2);
      await pulltrace.metricIs("pulltrace_pulls_active", 0);
      expect(await pulltrace.metric("pulltrace_pull_errors_total")).toBe(0);
      expect(await pulltrace.metric("pulltrace_pull_duration_seconds_count")).toBeGreaterThanOrEqual(2);
      expect((await mine()).map(({ imageRef, phase }) => [imageRef, phase])).toEqual([
        [image.reference, "done"],
        [image.reference, "done"],
      ]);
    });
  });

  it("goes on when the agent's pod is deleted in mid-pull", async () => {
    const image = await pushLargeImage(cluster, "team-a/agentless", [12, 12]);
    await limit(slow);
    await cluster.apply(deployment("agentless", image.reference, { replicas: 1, node: "node-2" }));
    await inFlight("team-a/agentless", "node-2", 2);
    const [before] = (await pulltrace.pulls()).filter(({ manifestDigest }) => manifestDigest === image.digest);
    const [agent = ""] = await pulltrace.pods("agent", "node-2");
    await cluster.kubectl(["delete", "pod", agent, "--namespace", namespace, "--wait=true"]);
    // Slow until the new agent has told of it: how long that takes is the cluster's matter.
    await inFlight("team-a/agentless", "node-2", await percent("team-a/agentless", "node-2"));
    await limit(undefined);
    await done("team-a/agentless", "node-2");
    const after = (await pulltrace.pulls()).filter(({ manifestDigest }) => manifestDigest === image.digest);
    expect(after).toEqual([expect.objectContaining({ id: before?.id, startedAt: before?.startedAt, phase: "done" })]);
    await reporting("2 of 2");
  });

  it("the page recovers by itself when the server's pod is deleted in mid-pull", async () => {
    const image = await pushLargeImage(cluster, "team-a/serverless", [12, 12]);
    await limit(slow);
    await cluster.apply(deployment("serverless", image.reference, { replicas: 1, node: "node-2" }));
    await inFlight("team-a/serverless", "node-2", 2);
    const [server = ""] = await pulltrace.pods("server");
    await cluster.kubectl(["delete", "pod", server, "--namespace", namespace, "--wait=false"]);
    await page
      .getByTestId("connection")
      .getByText(/reconnecting/)
      .waitFor();
    await live();
    await reporting("2 of 2");
    await inFlight("team-a/serverless", "node-2", 2);
    await limit(undefined);
    await done("team-a/serverless", "node-2");
    expect((await pulltrace.pulls()).filter(({ manifestDigest }) => manifestDigest === image.digest)).toHaveLength(1);
  });

  it("the page says that it hears nothing when the server's node is cut off, and is live again by itself", async () => {
    // Nobody closes a connection: packets go nowhere, also those of new ones.
    await cluster.node("node-1").link.setUp(false);
    await page
      .getByTestId("connection")
      .getByText(/reconnecting/)
      .waitFor();
    await cluster.node("node-1").link.setUp(true);
    await live();
    await reporting("2 of 2");
    await page.getByTestId("stale-banner").waitFor({ state: "detached" });
    expect((await pulltrace.nodes()).map(({ reporting }) => reporting)).toEqual([true, true]);
  });

  it("says that a node fell silent, and has it and its pull again when it is back", async () => {
    const image = await pushLargeImage(cluster, "team-a/powerless", [12, 12]);
    await limit(slow);
    await page.goto(pulltrace.urlAt(cluster.node("node-1")));
    await cluster.apply(deployment("powerless", image.reference, { replicas: 1, node: "node-2" }));
    await inFlight("team-a/powerless", "node-2", 2);
    await cluster.killNode("node-2");
    await reporting("1 of 2");
    await keepScreenshot(page, "cluster-node-off");
    await cluster.startNode("node-2");
    await reporting("2 of 2");
    await inFlight("team-a/powerless", "node-2", 2);
    await limit(undefined);
    await done("team-a/powerless", "node-2");
    await cluster.waitFor("deployment/powerless", "condition=Available");
    const mine = (await pulltrace.pulls()).filter(({ manifestDigest }) => manifestDigest === image.digest);
    expect(mine.map(({ phase }) => phase)).toContain("done");
  });

  it("an upgrade keeps the token that was made, and agents without it are refused", async () => {
    const token = async (): Promise<string> =>
      (
        await cluster.get<{ readonly data: Readonly<Record<string, string>> }>([
          "secret",
          "pulltrace-agent-token",
          "--namespace",
          namespace,
        ])
      ).data["agent-token"] ?? "";
    const before = await token();
    expect(Buffer.from(before, "base64").toString()).toMatch(/^\w{48}$/);
    await applyChart(cluster, "upgrade", ["server.historyTTL=1h"]);
    expect(await token()).toBe(before);
    // The port of the nodes leads to the new server when kube-proxy has heard of it.
    const status = await readUntil(
      "the new server to answer a stranger",
      async () => {
        const stranger = await fetch(`${pulltrace.urlAt(cluster.node("node-1"))}/api/v1/report`, {
          method: "POST",
          headers: { "content-type": "application/json", authorization: "Bearer somebody" },
          body: JSON.stringify({ nodeName: "node-1", timestamp: new Date().toISOString(), pulls: [] }),
        });
        return stranger.status;
      },
      () => true,
    );
    expect(status).toBe(401);
    await allReport(cluster, pulltrace);
    await reporting("2 of 2");
  });

  it("what helm says after an installation is true of it", async () => {
    const notes = await cluster.helm(["get", "notes", "pulltrace", "--namespace", namespace]);
    const commands = [...notes.matchAll(/^ +kubectl (.+)$/gm)].map(([, parameters = ""]) => parameters.split(" "));
    const list = commands.find((parameters) => parameters.includes("get")) ?? [];
    const listed = await cluster.kubectl(list);
    for (const name of ["pulltrace-server-", "pulltrace-agent-"]) expect(listed).toContain(name);
    const [, , , service = "", ports = ""] = commands.find((parameters) => parameters.includes("port-forward")) ?? [];
    const { spec } = await cluster.get<{ readonly spec: { readonly ports: readonly { readonly port: number }[] } }>([
      service,
      "--namespace",
      namespace,
    ]);
    expect(spec.ports.map(({ port }) => port)).toContain(Number(ports.split(":")[1]));
    expect(notes).toContain("Whoever reaches the server may read which images run where.");
  });

  it("the page had no error of its own", () => {
    expect(complaints).toEqual([]);
  });
});
