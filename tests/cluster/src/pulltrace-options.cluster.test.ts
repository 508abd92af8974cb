import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCluster } from "./cluster.ts";
import type { Cluster } from "./contract.ts";
import { clusterMissing } from "./missing.ts";
import { defineMonitoring, monitoringDefinitions } from "./testing/monitoring-definitions.ts";
import {
  allReport,
  deployment,
  installPulltrace,
  type InstalledPulltrace,
  namespace,
  pushLargeImage,
} from "./testing/pulltrace.ts";
import { readUntil } from "./until.ts";

/**
 * What the chart does by option, live: a volume, network policies, ServiceMonitors. The cluster's network plugin (bridge)
 * enforces no policy: what is shown of them is that they choose the right pods and ports.
 */

const missing = await clusterMissing();
const definitions = await monitoringDefinitions();
const reason = missing === undefined ? "" : ` (not tried: ${missing})`;
const withoutOperator = definitions.missing === undefined ? "" : ` (not tried: ${definitions.missing})`;
const storageClass = "on-the-node";
const stateFolder = "/var/lib/pulltrace-state";

let cluster: Cluster;
let pulltrace: InstalledPulltrace;

interface List<Item> {
  readonly items: readonly Item[];
}
type Labels = Readonly<Record<string, string>>;
interface Service {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly ports: readonly { readonly name: string }[] };
}
interface Slice {
  // Null while there is nothing to lead to.
  readonly ports: readonly { readonly name: string; readonly port: number }[] | null;
  readonly endpoints: readonly { readonly addresses: readonly string[] }[] | null;
}
interface Pod {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly containers: readonly { readonly ports?: readonly { readonly name: string }[] }[] };
}

/** Objects of the release's namespace. */
async function list<Item>(kind: string, labels: Labels = {}): Promise<readonly Item[]> {
  const selector = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return (
    await cluster.get<List<Item>>([
      kind,
      "--namespace",
      namespace,
      ...(selector.length > 0 ? ["-l", selector.join(",")] : []),
    ])
  ).items;
}

/** The addresses that a Service leads to by a named port, and what each answers as its metrics. */
async function answersBehind(
  service: string,
  port: string,
): Promise<readonly { readonly target: string; readonly text: string }[]> {
  const slices = await list<Slice>("endpointslices", { "kubernetes.io/service-name": service });
  const targets = slices.flatMap(({ ports, endpoints }) =>
    (endpoints ?? []).map(({ addresses: [address] }) => `${address}:${ports?.find(({ name }) => name === port)?.port}`),
  );
  const text = async (target: string): Promise<string> =>
    fetch(`http://${target}/metrics`, { signal: AbortSignal.timeout(10_000) }).then((answer) => answer.text(), String);
  return Promise.all(targets.map(async (target) => ({ target, text: await text(target) })));
}

/** A volume on node-1's own disk, as an administrator of a cluster without a provisioner makes it. */
const volume = (): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "pulltrace-state" },
    spec: {
      capacity: { storage: "1Gi" },
      accessModes: ["ReadWriteOnce"],
      persistentVolumeReclaimPolicy: "Retain",
      storageClassName: storageClass,
      local: { path: stateFolder },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: ["node-1"] }] },
          ],
        },
      },
    },
  });

beforeAll(async () => {
  if (missing !== undefined) return;
  cluster = await startCluster({ nodes: 2, onProgress: (line) => process.stdout.write(`${line}\n`) });
  if (definitions.yaml !== undefined) await defineMonitoring(cluster, definitions.yaml);
  await cluster.node("node-1").run("mkdir", ["-p", stateFolder]);
  await cluster.apply(volume());
  pulltrace = await installPulltrace(cluster, [
    "server.persistence.enabled=true",
    `server.persistence.storageClass=${storageClass}`,
    "networkPolicy.enabled=true",
    "networkPolicy.allowFrom[0].namespaceSelector.matchLabels.team=web",
    `monitoring.serviceMonitor.enabled=${definitions.missing === undefined}`,
    `monitoring.prometheusRule.enabled=${definitions.missing === undefined}`,
  ]);
});
afterAll(() => cluster?.stop());

describe.skipIf(missing !== undefined)(`options of the chart on a cluster of two nodes${reason}`, () => {
  it("a pull that is over is still known when the server's pod was replaced and no agent can tell of it", async () => {
    const image = await pushLargeImage(cluster, "team-a/remembered", [4, 3]);
    // Slow enough to be seen under way.
    await cluster.node("node-2").link.setRate(1024 * 1024);
    await cluster.apply(deployment("remembered", image.reference, { replicas: 1, node: "node-2" }));
    const mine = async () => (await pulltrace.pulls()).filter(({ manifestDigest }) => manifestDigest === image.digest);
    const [before] = await readUntil("the pull to be over", mine, ([first]) => first?.phase === "done");

    // Agents tell of what ended lately: without them the volume alone can.
    const nowhere = { spec: { template: { spec: { nodeSelector: { nowhere: "yes" } } } } };
    const agents = ["daemonset", "pulltrace-agent", "--namespace", namespace];
    await cluster.kubectl(["patch", ...agents, "--patch", JSON.stringify(nowhere)]);
    await readUntil(
      "the agents to be gone",
      () => list("pods", component("agent")),
      ({ length }) => length === 0,
    );
    const [server = ""] = await pulltrace.pods("server");
    await cluster.kubectl(["delete", "pod", server, "--namespace", namespace, "--wait=true"]);
    await readUntil(
      "another server",
      () => pulltrace.pods("server"),
      ([next]) => next !== undefined && next !== server,
    );
    const remembered = await readUntil("the pull on the other server", mine, ({ length }) => length > 0);
    const { id, startedAt, completedAt, phase, layers } = before!;
    expect(remembered).toMatchObject([{ id, startedAt, completedAt, phase, layers }]);
    expect(await cluster.node("node-1").run("ls", [stateFolder])).not.toBe("");
    const back = { spec: { template: { spec: { nodeSelector: { nowhere: null } } } } };
    await cluster.kubectl(["patch", ...agents, "--patch", JSON.stringify(back)]);
    await allReport(cluster, pulltrace);
    expect(await mine()).toHaveLength(1);
  });

  it("each network policy chooses the pods of its part, by ports that they have", async () => {
    const policies = await list<{
      readonly metadata: { readonly name: string };
      readonly spec: {
        readonly podSelector: { readonly matchLabels: Labels };
        readonly ingress: readonly { readonly from?: readonly object[]; readonly ports: readonly { port: string }[] }[];
      };
    }>("networkpolicies");
    expect(policies.map(({ metadata }) => metadata.name).toSorted()).toEqual(["pulltrace-agent", "pulltrace-server"]);
    for (const { metadata, spec } of policies) {
      const pods = await list<Pod>("pods", spec.podSelector.matchLabels);
      expect(pods).toHaveLength(metadata.name === "pulltrace-agent" ? 2 : 1);
      const ports = pods.flatMap((pod) =>
        pod.spec.containers.flatMap((one) => one.ports?.map(({ name }) => name) ?? []),
      );
      for (const rule of spec.ingress) for (const { port } of rule.ports) expect(ports).toContain(port);
    }
    const server = policies.find(({ metadata }) => metadata.name === "pulltrace-server");
    const [agents, web] = server?.spec.ingress[0]?.from ?? [];
    const { matchLabels } = (agents as { readonly podSelector: { readonly matchLabels: Labels } }).podSelector;
    expect(await list<Pod>("pods", matchLabels)).toHaveLength(2);
    expect(web).toEqual({ namespaceSelector: { matchLabels: { team: "web" } } });
  });

  it.skipIf(definitions.missing !== undefined)(
    `each ServiceMonitor leads to addresses that answer with metrics${withoutOperator}`,
    async () => {
      const monitors = await list<{
        readonly metadata: { readonly name: string };
        readonly spec: {
          readonly selector: { readonly matchLabels: Labels };
          readonly endpoints: readonly { readonly port: string }[];
        };
      }>("servicemonitors");
      expect(monitors.map(({ metadata }) => metadata.name).toSorted()).toEqual(["pulltrace-agent", "pulltrace-server"]);
      for (const { metadata, spec } of monitors) {
        const port = spec.endpoints[0]?.port ?? "";
        const services = await list<Service>("services", spec.selector.matchLabels);
        const found = services.filter((service) => service.spec.ports.some(({ name }) => name === port));
        // With two, Prometheus would read everything twice.
        expect(found).toHaveLength(1);
        const wanted = metadata.name === "pulltrace-agent" ? 2 : 1;
        // The cluster writes these slices some time after the pods are ready, and until then those of pods before them.
        await readUntil(
          `${wanted} address(es) with metrics behind ${metadata.name}`,
          () => answersBehind(found[0]?.metadata.name ?? "", port),
          (answers) => answers.length === wanted && answers.every(({ text }) => /^pulltrace_\w+/m.test(text)),
        );
      }
      expect(await list("prometheusrules")).toHaveLength(1);
    },
  );
});

function component(name: string): Labels {
  return { "app.kubernetes.io/component": name };
}
