import type { PullStatus } from "@waybill/pulltrace/contract";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keepScreenshot, launchBrowser } from "../../src/harness/browser.ts";
import { startCluster } from "./cluster.ts";
import type { Cluster } from "./contract.ts";
import { clusterMissing } from "./missing.ts";
import { installPulltrace, type InstalledPulltrace, pushLargeImage } from "./testing/pulltrace.ts";
import { closedRegistry, cutLine, type CutLine, downRegistry, limitedRegistry } from "./testing/registries.ts";
import { readUntil, until } from "./until.ts";

/**
 * Pods that get no image, on a real cluster: kubelet's own words, the cause that the page makes of them, and a watch of
 * the API server that is cut every second all the while.
 */

const missing = await clusterMissing();
const reason = missing === undefined ? "" : ` (not tried: ${missing})`;
const stack = new AsyncDisposableStack();

let cluster: Cluster;
let line: CutLine;
let pulltrace: InstalledPulltrace;
let browser: Browser;
let page: Page;

const causes = [
  {
    name: "no-such-tag",
    image: "registry.test/team-a/nothing:1",
    code: "not-found",
    words: /not there|no such|not found|does not/i,
  },
  {
    name: "no-rights",
    image: "closed.test/team-a/secret:1",
    code: "unauthorized",
    words: /refus|rights|log|credential|token/i,
  },
  { name: "too-many", image: "limited.test/team-a/popular:1", code: "rate-limited", words: /limit|too many/i },
  { name: "down", image: "down.test/team-a/gone:1", code: "connection", words: /connect|reach|answer/i },
] as const;

function pod(name: string, image: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default" },
    spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "app", image }] },
  });
}

const rowOf = (pod: string): Locator =>
  page.locator("[role=row][data-pull]").filter({ has: page.getByText(new RegExp(`^(?:default/)?${pod}$`)) });
const waitingPull = async (name: string): Promise<PullStatus | undefined> =>
  (await pulltrace.pulls()).find(({ pods }) => pods.some(({ podName }) => podName === name));
const fails = async (name: string): Promise<boolean> => (await waitingPull(name))?.phase === "failed";
/** What a wait that is given up says. */
const everything = async (): Promise<string> =>
  `${JSON.stringify(await pulltrace.pulls())}\n${await cluster.kubectl(["describe", "pods"])}`;

beforeAll(async () => {
  if (missing !== undefined) return;
  const [closed, limited] = [stack.use(await closedRegistry()), stack.use(await limitedRegistry(3600))];
  const registries = { "closed.test": closed.url, "limited.test": limited.url, "down.test": await downRegistry() };
  cluster = await startCluster({ nodes: 1, registries, onProgress: (text) => process.stdout.write(`${text}\n`) });
  stack.defer(() => cluster.stop());
  line = stack.use(await cutLine(cluster.hostAddress, cluster.server, 1_000));
  pulltrace = await installPulltrace(cluster, [
    "server.extraEnv[0].name=KUBERNETES_SERVICE_HOST",
    `server.extraEnv[0].value=${line.host}`,
    "server.extraEnv[1].name=KUBERNETES_SERVICE_PORT",
    `server.extraEnv[1].value=${String(line.port)}`,
  ]);
  browser = await launchBrowser();
  stack.defer(() => browser.close());
  page = await browser.newPage({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" });
  page.setDefaultTimeout(300_000);
  await page.goto(pulltrace.urlAt(cluster.node("node-1")));
  await page.getByTestId("connection").getByText("live").waitFor();
});
afterAll(() => stack.disposeAsync());

describe.skipIf(missing !== undefined)(`pods that get no image${reason}`, () => {
  it("each shows its cause on the page: no such tag, no rights, too many requests, a registry that is down", async () => {
    for (const { name, image } of causes) await cluster.apply(pod(name, image));
    for (const { name, code, words } of causes) {
      let pull: PullStatus | undefined;
      await until(
        `${name} to have its cause`,
        async () => {
          pull = await waitingPull(name);
          return pull?.phase === "failed" && pull.failure?.code === code && pull.nextTryAt !== undefined;
        },
        { state: everything },
      );
      expect(`${pull?.failure?.sentence} ${pull?.failure?.advice}`).toMatch(words);
      await rowOf(name)
        .getByText(pull?.failure?.sentence ?? "no sentence")
        .first()
        .waitFor();
      const said = await cluster.get<{
        readonly status: {
          readonly containerStatuses: readonly { readonly state: { readonly waiting: { readonly reason: string } } }[];
        };
      }>(["pod", name]);
      expect(said.status.containerStatuses[0]?.state.waiting.reason).toMatch(/^(?:ErrImagePull|ImagePullBackOff)$/);
    }
    await keepScreenshot(page, "cluster-back-off");
  });

  it("loses none of them while its watch of the API server is cut every second", async () => {
    const names = Array.from({ length: 12 }, (_, index) => `lost-${index}`);
    for (const name of names) {
      const cutsBefore = line.cuts;
      await cluster.apply(pod(name, `registry.test/team-a/${name}:1`));
      await until("another cut", () => Promise.resolve(line.cuts > cutsBefore), { state: everything });
    }
    for (const name of names) {
      await until(`${name} to be a row`, () => fails(name), { state: everything });
      await rowOf(name).first().waitFor({ state: "attached" });
    }
    await cluster.kubectl(["delete", "pods", ...names, "--wait=true"]);
    await readUntil(
      "none of them to wait any more",
      () => pulltrace.waitingPods(),
      (waiting) => waiting.every(({ podName }) => !names.includes(podName)),
    );
    // Those that are still there are still shown: as failed, but for the moment in which kubelet tries again.
    for (const { name } of causes) await until(`${name} to fail still`, () => fails(name), { state: everything });
    expect(line.cuts).toBeGreaterThanOrEqual(names.length);
    console.log(`the connection to the API server was cut ${line.cuts} times`);
  });

  it("a pod whose image comes after all is no failure any more", async () => {
    const repository = "team-a/late";
    await cluster.apply(pod("late", `registry.test/${repository}:1`));
    await until("it to fail first", () => fails("late"), { state: everything });
    // Slow enough to be seen: what comes and goes between two looks of the agent is no row of its own.
    await cluster.node("node-1").link.setRate(1024 * 1024);
    await pushLargeImage(cluster, repository, [6]);
    await cluster.waitFor("pod/late", "condition=Ready");
    const done = async (): Promise<boolean> =>
      (await pulltrace.pulls()).some(({ imageRef, phase }) => imageRef.includes(repository) && phase === "done");
    await until("its pull to be done", done, { state: everything });
    const waiting = await readUntil(
      "nobody else to wait",
      async () => (await pulltrace.waitingPods()).map(({ podName }) => podName),
      ({ length }) => length <= causes.length,
    );
    expect(waiting.toSorted()).toEqual(causes.map(({ name }) => name).toSorted());
  });
});
