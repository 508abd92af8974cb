import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCluster } from "./cluster.ts";
import type { Cluster } from "./contract.ts";
import { clusterMissing, containerd2Folder } from "./missing.ts";
import { findPrograms } from "./programs/index.ts";
import { askFrom, reaches, webImage, webPod } from "./testing/pods.ts";
import { readUntil } from "./until.ts";

const missing = await clusterMissing();
const reason = missing === undefined ? "" : ` (not tried: ${missing})`;
const chart = fileURLToPath(new URL("./testing/chart", import.meta.url));
let cluster: Cluster;

/** What happened to a pod so far. Kubelets and the scheduler tell it some time after they did it. */
const eventsOf = (pod: string): Promise<string> =>
  cluster.kubectl(["get", "events", `--field-selector=involvedObject.name=${pod}`]);
/** What a URL answers to this machine; a node may be cut off. */
const answerTo = async (url: string): Promise<string> =>
  (await fetch(url, { signal: AbortSignal.timeout(10_000) })).text();

interface Pod {
  readonly status: {
    readonly podIP: string;
    readonly containerStatuses: readonly { readonly imageID: string; readonly restartCount: number }[];
  };
}

beforeAll(async () => {
  if (missing !== undefined) return;
  cluster = await startCluster({ nodes: 2, onProgress: (line) => process.stdout.write(`${line}\n`) });
  const { paths } = await findPrograms();
  await cluster.pushProgram("team-a/web:1", paths?.web ?? "");
});
afterAll(() => cluster?.stop());

describe.skipIf(missing !== undefined)(`a cluster of two nodes${reason}`, () => {
  it("is Kubernetes 1.34 with a containerd of its own on each node", async () => {
    const { items } = await cluster.get<{
      items: { status: { nodeInfo: { kubeletVersion: string; containerRuntimeVersion: string; machineID: string } } }[];
    }>(["nodes"]);
    expect(items.map(({ status }) => status.nodeInfo.kubeletVersion)).toEqual(["v1.34.4", "v1.34.4"]);
    for (const { status } of items) expect(status.nodeInfo.containerRuntimeVersion).toMatch(/^containerd:\/\//);
    for (const { name } of cluster.nodes) await cluster.waitFor(`node/${name}`, "condition=Ready=True");
    const [one, two] = await Promise.all(cluster.nodes.map((node) => node.run("readlink", ["/proc/self/ns/net"])));
    expect(one).not.toBe(two);
  });

  it("runs pods whose image its kubelets pull from our own store", async () => {
    await cluster.apply(webPod("web", "node-1"));
    await cluster.apply(webPod("client", "node-2"));
    await cluster.waitFor("pod/web", "condition=Ready");
    await cluster.waitFor("pod/client", "condition=Ready");
    const pushed = await fetch(`${cluster.registry}/v2/team-a/web/manifests/1`, {
      headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
    });
    const pod = await cluster.get<Pod>(["pod", "web"]);
    expect(pod.status.containerStatuses[0]?.imageID).toBe(
      `registry.test/team-a/web@${pushed.headers.get("docker-content-digest")}`,
    );
    const pulling = `Pulling image "${webImage}"`;
    await readUntil(
      `the event ${pulling}`,
      () => eventsOf("web"),
      (events) => events.includes(pulling),
    );
    await readUntil(
      "the log of web",
      () => cluster.kubectl(["logs", "web"]),
      (log) => log.includes("listening on :8080 as web"),
    );
  });

  it("reaches a pod by address, Service, DNS name and node port, from the other node and from here", async () => {
    await cluster.apply(`
apiVersion: v1
kind: Service
metadata: { name: front }
spec: { type: NodePort, selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }`);
    const { status } = await cluster.get<Pod>(["pod", "web"]);
    const { spec } = await cluster.get<{ spec: { clusterIP: string; ports: { nodePort: number }[] } }>([
      "service",
      "front",
    ]);
    const inside = [
      `http://${status.podIP}:8080`,
      `http://${spec.clusterIP}`,
      "http://front.default.svc.cluster.local",
      "http://front",
    ];
    for (const url of inside) await reaches(cluster, "client", url, "web");
    for (const url of [
      `http://${status.podIP}:8080`,
      ...cluster.nodes.map(({ address }) => `http://${address}:${spec.ports[0]?.nodePort}`),
    ]) {
      // Each node's kube-proxy hears of the Service in its own time.
      expect(
        await readUntil(
          `${url} to answer`,
          () => answerTo(url),
          () => true,
        ),
      ).toBe("web\n");
    }
    // A pod that asks for the Service that it serves itself.
    await reaches(cluster, "web", "http://front", "web");
  });

  it("lets no traffic out of the machine", async () => {
    // TEST-NET-1 (RFC 5737); a node would send it to its default route, if it had one.
    await expect(askFrom(cluster, "client", "http://192.0.2.1")).rejects.toThrow(/unreachable/);
    for (const node of cluster.nodes) expect(await node.run("ip", ["route", "show", "default"])).toBe("");
  });

  it("installs a chart whose daemon mounts the containerd socket of its node", async () => {
    await cluster.helm(["install", "probe", chart, "--wait", "--timeout", "230s"]);
    // helm ends when all but `maxUnavailable` are ready, which is one of them.
    await readUntil(
      "the daemon on both nodes",
      () => cluster.get<{ status: { numberReady: number } }>(["daemonset", "probe-agent"]),
      ({ status }) => status.numberReady === 2,
    );
    expect(JSON.parse(await cluster.helm(["list", "--output", "json"]))).toMatchObject([
      { name: "probe", status: "deployed" },
    ]);
    await cluster.helm(["uninstall", "probe", "--wait"]);
  });

  it("lets a user do what RBAC allows, and refuses the rest", async () => {
    const alice = await cluster.kubeconfigFor("alice", ["developers"]);
    const asAlice = { kubeconfig: alice };
    await expect(cluster.kubectl(["get", "pods"], asAlice)).rejects.toThrow(/Forbidden.*"alice" cannot list/);
    await cluster.kubectl(["create", "role", "reader", "--verb=get,list", "--resource=pods"]);
    await cluster.kubectl(["create", "rolebinding", "readers", "--role=reader", "--group=developers"]);
    await readUntil(
      "the role to count",
      () => cluster.kubectl(["get", "pods", "-o", "name"], asAlice),
      (names) => names.includes("pod/web"),
    );
    await expect(cluster.kubectl(["delete", "pod", "web"], asAlice)).rejects.toThrow(/"alice" cannot delete/);
    // A kubelet may change its own node, and no other (NodeRestriction).
    const can = (who: string, node: string): Promise<string> =>
      cluster.kubectl(["label", "node", node, "tried=yes", "--as", `system:node:${who}`, "--as-group", "system:nodes"]);
    await can("node-1", "node-1");
    await expect(can("node-1", "node-2")).rejects.toThrow(/only its own Node/);
  });

  it("pulls no faster than the node's link", async () => {
    const node = cluster.node("node-2");
    const bytesPerSecond = 2 * 1024 * 1024;
    await node.link.setRate(bytesPerSecond);
    const before = await node.link.receivedBytes();
    const started = performance.now();
    const { paths } = await findPrograms();
    await cluster.pushProgram("team-b/large:1", paths?.coredns ?? "");
    await cluster.apply(webPod("large", "node-2", "elsewhere.test/team-b/large:1"));
    await readUntil(
      "the pull of the large image",
      () => eventsOf("large"),
      (events) => events.includes("Successfully pulled image"),
    );
    // The bytes first: whatever the time in between is, it holds all of them.
    const received = (await node.link.receivedBytes()) - before;
    const seconds = (performance.now() - started) / 1000;
    expect(received).toBeGreaterThan(10 * 1024 * 1024);
    // What fits into the bucket goes through at once.
    expect(received / seconds).toBeLessThan(bytesPerSecond * 1.1);
    await node.link.setRate(undefined);
    await cluster.kubectl(["delete", "pod", "large"]);
  });

  it("loses a node whose cable is unplugged, and has it again", async () => {
    const { spec } = await cluster.get<{ spec: { ports: { nodePort: number }[] } }>(["service", "front"]);
    const node = cluster.node("node-2");
    const ask = (): Promise<string> => answerTo(`http://${node.address}:${spec.ports[0]?.nodePort}`);
    const isWeb = (answer: string): boolean => answer === "web\n";
    await readUntil("the node to answer", ask, isWeb);
    await node.link.setUp(false);
    await expect(ask()).rejects.toThrow();
    expect((await node.run("hostname", [])).trim()).toBe("node-2");
    await node.link.setUp(true);
    await readUntil("the node to answer again", ask, isWeb);
  });

  it("notices a power cut, and has the node and its pods back after it", async () => {
    const node = cluster.node("node-2");
    const restarts = async (): Promise<number> =>
      (await cluster.get<Pod>(["pod", "client"])).status.containerStatuses[0]?.restartCount ?? -1;
    const before = await restarts();
    await cluster.killNode("node-2");
    expect(node.running).toBe(false);
    await expect(node.run("true", [])).rejects.toThrow("node-2 is off");
    await cluster.waitFor("node/node-2", "condition=Ready=Unknown");
    await cluster.waitFor("node/node-1", "condition=Ready=True");
    await cluster.startNode("node-2");
    await cluster.waitFor("node/node-2", "condition=Ready=True");
    await readUntil("the pod's container to be started again", restarts, (count) => count > before);
    await cluster.waitFor("pod/client", "condition=Ready");
    await reaches(cluster, "client", "http://front", "web");
  });

  it("takes another node while it runs, with settings of its own", async () => {
    const added = await cluster.addNode({ serializeImagePulls: true });
    expect(added.name).toBe("node-3");
    await cluster.waitFor("node/node-3", "condition=Ready=True");
    for (const [name, serialize] of [
      ["node-3", true],
      ["node-1", false],
    ] as const) {
      const settings = await cluster.kubectl(["get", "--raw", `/api/v1/nodes/${name}/proxy/configz`]);
      expect(JSON.parse(settings)).toMatchObject({ kubeletconfig: { serializeImagePulls: serialize } });
    }
    await cluster.apply(webPod("newcomer", "node-3"));
    await cluster.waitFor("pod/newcomer", "condition=Ready");
    const { status } = await cluster.get<Pod>(["pod", "newcomer"]);
    await reaches(cluster, "client", `http://${status.podIP}:8080`, "newcomer");
    await reaches(cluster, "newcomer", "http://front", "web");
  });

  it("has nodes with containerd 2.2 beside those of the distribution", async () => {
    const added = await cluster.addNode({ containerdFolder: await containerd2Folder() });
    const { status } = await cluster.get<{ status: { nodeInfo: { containerRuntimeVersion: string } } }>([
      "node",
      added.name,
    ]);
    expect(status.nodeInfo.containerRuntimeVersion).toMatch(/^containerd:\/\/2\.2\./);
    await cluster.apply(webPod("modern", added.name));
    await cluster.waitFor("pod/modern", "condition=Ready");
    await reaches(cluster, "modern", "http://front", "web");
  });

  it("restarts a node's containerd under its running pods", async () => {
    const node = cluster.node("node-1");
    const before = (await cluster.get<Pod>(["pod", "web"])).status.containerStatuses[0]?.restartCount;
    await node.restart("containerd", "SIGKILL");
    await cluster.apply(webPod("later", "node-1"));
    await cluster.waitFor("pod/later", "condition=Ready");
    expect((await cluster.get<Pod>(["pod", "web"])).status.containerStatuses[0]?.restartCount).toBe(before);
    await reaches(cluster, "later", "http://front", "web");
  });
});
