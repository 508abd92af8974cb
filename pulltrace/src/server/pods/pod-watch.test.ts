import { createKubernetes } from "@waybill/foundation/kubernetes";
import { silentLogger, startFakeApiServer, type FakeApiServer } from "@waybill/foundation/testing";
import { afterEach, describe, expect, it } from "vitest";
import type { PodSource } from "./contract.ts";
import { watchPods } from "./pod-watch.ts";
import { eventOf, podOf, runningOf, waitingFor } from "./testing/pods.ts";

/** Against a fake API server, for speed; tests/cluster has the real one. */

const stack: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of stack.splice(0).toReversed()) await close();
});

async function scene(
  namespaces: readonly string[] = [],
): Promise<{ api: FakeApiServer; source: PodSource; told: string[] }> {
  const api = await startFakeApiServer();
  stack.push(async () => api[Symbol.asyncDispose]());
  const kubernetes = createKubernetes({ server: api.url, credentials: () => Promise.resolve({}) });
  stack.push(() => Promise.resolve(kubernetes.close()));
  const timing = { firstRetryMs: 5, longestRetryMs: 20, goodWatchMs: 20 };
  const source = watchPods({ kubernetes, namespaces, log: silentLogger(), timing, clock: () => 50_000 });
  stack.push(() => source.close());
  const told: string[] = [];
  source.subscribe((nodeNames) => told.push([...nodeNames].toSorted((a, b) => a.localeCompare(b)).join(" ")));
  return { api, source, told };
}
async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 45_000;
  while (!(await done())) {
    if (performance.now() > end) throw new Error("waited 45 s in vain");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
const warning = async (source: PodSource): Promise<string> => {
  const result = await source.health.check(new AbortController().signal);
  return result?.warning ?? "";
};

describe("the watch of pods", () => {
  it("follows what waits on each node, and what kubelet says", async () => {
    const { api, source, told } = await scene();
    api.put("pods", podOf({ statuses: [waitingFor("c0", "ContainerCreating")] }));
    api.put("pods", podOf({ name: "unscheduled", nodeName: "" }));
    await until(() => source.podsOn("node-1").waiting.length === 1);
    api.put("events", eventOf("Pulling", 'Pulling image "nginx:1"', 1_000));
    await until(() => source.podsOn("node-1").waiting[0]?.asked === true);
    api.put("pods", podOf({ statuses: [waitingFor("c0", "ErrImagePull", 'Failed to pull image "nginx:1": no')] }));
    await until(() => source.podsOn("node-1").waiting[0]?.reason === "ErrImagePull");
    expect(source.podsOn("node-1").waiting).toMatchObject([{ tries: 1, failedAt: 50_000 }]);
    api.put("pods", podOf({ statuses: [runningOf("c0")] }));
    await until(() => source.podsOn("node-1").waiting.length === 0);
    expect(source.podsOn("node-1").settled).toMatchObject([{ image: "docker.io/library/nginx:1", how: "has-image" }]);
    await until(() => told.length > 0);
    expect(new Set(told)).toEqual(new Set(["node-1"]));
    expect(await warning(source)).toBe("");
  });

  it("asks for the namespaces that were named and for no other", async () => {
    const { api, source } = await scene(["shop", "team-a-apps", "shop"]);
    api.put("pods", podOf({ namespace: "shop" }));
    api.put("pods", podOf({ namespace: "secret", name: "other", uid: "other" }));
    api.put("pods", podOf({ namespace: "team-a-apps", name: "third", uid: "third" }));
    await until(() => source.podsOn("node-1").waiting.length === 2);
    const paths = new Set(api.requests.map(({ url }) => url.split("?")[0]));
    expect(paths).toEqual(
      new Set(
        ["shop", "team-a-apps"].flatMap((name) => [
          `/api/v1/namespaces/${name}/pods`,
          `/api/v1/namespaces/${name}/events`,
        ]),
      ),
    );
  });

  it("says in its health what is wrong and what to do, and never fails", async () => {
    const { api, source } = await scene();
    await until(async () => (await warning(source)) === "");
    const message =
      'pods is forbidden: User "system:serviceaccount:pulltrace:server" cannot watch resource "pods" in API group "" at the cluster scope';
    for (let i = 0; i < 200; i += 1) api.trouble.answers.push({ status: 403, body: { message } });
    api.cutWatches();
    await until(async () => (await warning(source)) !== "");
    expect(await warning(source)).toMatch(
      /cannot watch resource "pods".*Grant it: a ClusterRole with the rule .*ServiceAccount server of namespace pulltrace/,
    );
    api.trouble.answers.length = 0;
    await until(async () => (await warning(source)) === "");
  });

  it("loses nothing when watches are cut again and again", async () => {
    const { api, source } = await scene();
    api.trouble.cutAfterEvents = 2;
    for (let i = 0; i < 60; i += 1) {
      api.put("pods", podOf({ name: `p${i}`, uid: `u${i}` }));
      if (i >= 10) api.put("pods", podOf({ name: `p${i - 10}`, uid: `u${i - 10}`, statuses: [runningOf("c0")] }));
      if (i % 9 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const last = Array.from({ length: 10 }, (_, index) => `u${index + 50}`).join(" ");
    const waiting = (): string =>
      source
        .podsOn("node-1")
        .waiting.map(({ podUid }) => podUid)
        .join(" ");
    await until(() => waiting() === last);
    expect(waiting()).toBe(last);
  });
});
