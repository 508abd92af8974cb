import type { PullStatus } from "@waybill/pulltrace/contract";
import {
  type MadeRegistry,
  type RegistryProxy,
  startMadeRegistry,
  startRegistryProxy,
} from "@waybill/pulltrace/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCluster } from "./cluster.ts";
import type { Cluster, ClusterNode } from "./contract.ts";
import { clusterMissing, containerd2Folder } from "./missing.ts";
import { installPulltrace, type InstalledPulltrace, namespace } from "./testing/pulltrace.ts";
import { readUntil } from "./until.ts";

/**
 * What a real kubelet does beyond a plain pull, on containerd 2.2: static pods, one pull after the other, a download that
 * breaks and is tried again, a pod whose image is there and whose container cannot be made.
 */

const missing = await clusterMissing();
const reason = missing === undefined ? "" : ` (not tried: ${missing})`;
const mebibyte = 1024 * 1024;
const stack = new AsyncDisposableStack();

let cluster: Cluster;
let node: ClusterNode;
let pulltrace: InstalledPulltrace;
/** What pods pull from `slow.test`, and the line to it: the node's own link is free for what kubelet has to say. */
let registry: MadeRegistry;
let line: RegistryProxy;

function pod(name: string, image: string, more: object = {}): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default" },
    spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "app", image, ...more }] },
  });
}
/** Two layers, of which the first is the larger one. Nothing in it can be started. */
function image(name: string, seed: number, mebibytes: number): void {
  registry.add(name, "1", [
    { seed, bytes: mebibytes * mebibyte },
    { seed: seed + 1, bytes: mebibyte },
  ]);
}
const rowsOf = async (image: string): Promise<PullStatus[]> =>
  (await pulltrace.pulls()).filter(({ imageRef }) => imageRef.includes(`/${image}`));
const podsOf = (row: PullStatus | undefined): string[] => row?.pods.map(({ podName }) => podName) ?? [];
/** The only row of an image, once it is as wished. */
async function row(image: string, what: string, wished: (row: PullStatus) => boolean): Promise<PullStatus> {
  const rows = await readUntil(
    `${image} ${what}`,
    () => rowsOf(image),
    ([one, ...others]) => one !== undefined && others.length === 0 && wished(one),
  );
  return rows[0]!;
}
const waitingPodNames = async (): Promise<string[]> => (await pulltrace.waitingPods()).map(({ podName }) => podName);

beforeAll(async () => {
  if (missing !== undefined) return;
  registry = stack.adopt(await startMadeRegistry(), (one) => one.close());
  line = stack.adopt(
    await startRegistryProxy({ target: { host: "127.0.0.1", port: registry.port }, bytesPerSecond: mebibyte }),
    (one) => one.close(),
  );
  cluster = await startCluster({
    nodes: 1,
    containerdFolder: await containerd2Folder(),
    serializeImagePulls: true,
    registries: { "slow.test": `http://${line.address}` },
    onProgress: (line) => process.stdout.write(`${line}\n`),
  });
  stack.defer(() => cluster.stop());
  node = cluster.node("node-1");
  pulltrace = await installPulltrace(cluster);
});
afterAll(() => stack.disposeAsync());

describe.skipIf(missing !== undefined)(`a kubelet's ways${reason}`, () => {
  it("a static pod's image shows its cause and tries, and then its pull, with the pod's name in the API", async () => {
    const manifest = "/var/lib/kubelet/manifests/static.json";
    await node.run("mkdir", ["-p", "/var/lib/kubelet/manifests"]);
    await node.run("tee", [manifest], { input: pod("static", "slow.test/team-a/static:1") });
    // The second try is told by the events of the static pod, whose uid is not the one that the API has.
    const failed = await row("team-a/static", "to have failed twice", ({ attempts = 0 }) => attempts >= 2);
    expect([failed.phase, failed.failure?.code, podsOf(failed)]).toEqual(["failed", "not-found", ["static-node-1"]]);
    image("team-a/static", 10, 8);
    const running = await readUntil(
      "the static pod's pull",
      () => rowsOf("team-a/static"),
      (rows) => rows.some(({ phase }) => phase === "downloading"),
    );
    expect(podsOf(running.find(({ phase }) => phase === "downloading"))).toEqual(["static-node-1"]);
    line.setRate(50 * mebibyte);
    await readUntil("nobody to wait", waitingPodNames, (names) => !names.includes("static-node-1"));
    await node.run("rm", [manifest]);
  });

  it("a pull for which pods have waited in kubelet's queue is one row, also when the server is started anew", async () => {
    image("team-a/first", 20, 8);
    image("team-a/second", 30, 24);
    line.setRate(mebibyte / 2);
    await cluster.apply(pod("first", "slow.test/team-a/first:1"));
    await row("team-a/first", "to be pulled", ({ phase }) => phase === "downloading");
    await cluster.apply(pod("second", "slow.test/team-a/second:1"));
    const waiting = await row("team-a/second", "to wait", ({ phase }) => phase === "waiting");
    expect([waiting.waitsFor?.kind, podsOf(waiting)]).toEqual(["queue", ["second"]]);
    line.setRate(8 * mebibyte);
    await row("team-a/first", "to be there", ({ phase }) => phase === "done");
    // Minutes, however long a cluster needs to start a pod again.
    line.setRate(mebibyte / 16);
    const pulled = await row("team-a/second", "to be pulled", ({ phase }) => phase === "downloading");
    expect(pulled.id).toBe(waiting.id);

    const [server = ""] = await pulltrace.pods("server");
    await cluster.kubectl(["delete", "pod", server, "--namespace", namespace, "--wait=true"]);
    // Until the agent reports again it may wait once more, as far as the new server knows.
    const again = await row("team-a/second", "to be told again", ({ phase }) => phase === "downloading");
    expect([podsOf(again), again.layers.length]).toEqual([["second"], pulled.layers.length]);
    line.setRate(50 * mebibyte);
    const done = await row("team-a/second", "to be there", ({ phase }) => phase === "done");
    expect(done.id).toBe(again.id);
  });

  it("a download that breaks is failed with its cause and next try, and the next try is told as such", async () => {
    image("team-a/broken", 40, 8);
    const pulled = () => rowsOf("team-a/broken");
    // Slow enough for the agent to see it: what comes and goes between two looks is told by kubelet alone.
    line.setRate(mebibyte / 8);
    line.setFault(({ kind }) => (kind === "blobs" ? { kind: "cut", afterBytes: mebibyte / 2 } : undefined));
    await cluster.apply(pod("broken", "slow.test/team-a/broken:1"));
    const failed = await row("team-a/broken", "to be tried again", ({ nextTryAt }) => nextTryAt !== undefined);
    expect([failed.phase, failed.failure?.code, podsOf(failed)]).toEqual(["failed", "connection", ["broken"]]);
    expect(failed.layers).toHaveLength(2);
    // Slow, so that the next try is seen.
    line.setRate(mebibyte);
    line.setFault(() => undefined);
    const running = await readUntil("the next try", pulled, (rows) =>
      rows.some(({ phase }) => phase === "downloading"),
    );
    const [now] = running.filter(({ phase }) => phase === "downloading");
    expect([podsOf(now), now?.attempts]).toEqual([["broken"], failed.attempts]);
    line.setRate(50 * mebibyte);
    await readUntil("its end", pulled, (rows) => rows.some(({ id, phase }) => id === now?.id && phase === "done"));
    await readUntil("no other try", pulled, (rows) => rows.every(({ nextTryAt }) => nextTryAt === undefined));
  });

  it("a pod whose image is there waits for none, though its container cannot be made", async () => {
    image("team-a/unset", 50, 3);
    const environment = { envFrom: [{ configMapRef: { name: "nobody-made-it" } }] };
    await cluster.apply(pod("unset", "slow.test/team-a/unset:1", environment));
    await readUntil(
      "kubelet to miss the ConfigMap",
      () =>
        cluster.get<{ status: { containerStatuses?: { state: { waiting?: { reason: string } } }[] } }>([
          "pod",
          "unset",
        ]),
      ({ status }) => status.containerStatuses?.[0]?.state.waiting?.reason === "CreateContainerConfigError",
    );
    await readUntil("nobody to wait", waitingPodNames, (names) => !names.includes("unset"));
    // Longer than it takes until what nobody pulls is a row: one that comes later is seen with its second try.
    await cluster.apply(pod("later", "slow.test/team-a/no-such:1"));
    await row("team-a/no-such", "to fail twice", ({ attempts = 0 }) => attempts >= 2);
    expect((await rowsOf("team-a/unset")).filter(({ phase }) => phase !== "done")).toEqual([]);
    expect(await waitingPodNames()).not.toContain("unset");
  });
});
