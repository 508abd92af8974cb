import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApiServer } from "./api-server.ts";
import type { ApiServer } from "./contract.ts";
import { apiServerMissing } from "./missing.ts";
import { findPrograms } from "./programs/index.ts";
import { defineMonitoring, monitoringDefinitions } from "./testing/monitoring-definitions.ts";
import { readUntil } from "./until.ts";

/** What the chart of Pulltrace renders, held against the schemas of a real API server, strictly. */

const run = promisify(execFile);
const chart = resolve(import.meta.dirname, "../../../deploy/charts/pulltrace");
const missing = await apiServerMissing();
const reason = missing === undefined ? "" : ` (not tried: ${missing})`;
let api: ApiServer;

const definitions = await monitoringDefinitions();
const withoutOperator = definitions.missing === undefined ? "" : ` (not tried: ${definitions.missing})`;

const everything = {
  imageRegistry: "registry.example",
  imagePullSecrets: [{ name: "registry-login" }],
  agentAuth: { mode: "service-account" },
  server: {
    persistence: { enabled: true, storageClass: "fast" },
    signIn: { existingSecret: "waybill-signing" },
    service: { type: "NodePort", nodePort: 30_080, annotations: { a: "b" } },
    extraEnv: [{ name: "NODE_EXTRA_CA_CERTS", value: "/etc/own/ca.crt" }],
    podAnnotations: { a: "b" },
    podLabels: { a: "b" },
    tolerations: [{ key: "control-plane", operator: "Exists" }],
    affinity: { nodeAffinity: {} },
    serviceAccount: { annotations: { a: "b" } },
  },
  agent: { maxUnavailable: 2, podLabels: { team: "platform" }, socketGroup: 990 },
  ingress: { enabled: true, host: "pulltrace.example", className: "nginx", tlsSecret: "tls", annotations: { a: "b" } },
  networkPolicy: { enabled: true, allowFrom: [{ podSelector: {} }], metricsFrom: [{ namespaceSelector: {} }] },
  monitoring: { dashboard: { enabled: true } },
};

async function render(values: object): Promise<string> {
  const { paths } = await findPrograms();
  const running = run(paths?.helm ?? "", ["template", "pulltrace", chart, "--namespace", "default", "--values", "-"], {
    maxBuffer: 16 * 1024 * 1024,
  });
  running.child.stdin?.end(JSON.stringify(values));
  return (await running).stdout;
}

const dryRun = (yaml: string): Promise<string> =>
  api.kubectl(["apply", "--dry-run=server", "--validate=strict", "--filename", "-"], { input: yaml });

beforeAll(async () => {
  if (missing === undefined) api = await startApiServer();
});
afterAll(() => api?.stop());

describe.skipIf(missing !== undefined)(`the chart before a real API server${reason}`, () => {
  it.each([
    ["with its defaults", { imageRegistry: "registry.example" }],
    ["with everything switched on", everything],
    ["for two namespaces", { imageRegistry: "r.example", server: { watchNamespaces: ["default", "kube-system"] } }],
    ["for a load balancer", { imageRegistry: "r.example", server: { service: { type: "LoadBalancer" } } }],
  ])("is taken without an unknown or wrong field %s", async (_, values) => {
    const yaml = await render(values);
    const answer = await dryRun(yaml);
    const taken = answer.split("\n").filter((line) => line.endsWith("created (server dry run)"));
    expect(taken.length).toBeGreaterThan(7);
    expect(taken).toHaveLength(yaml.match(/^kind: /gm)?.length ?? 0);
  });

  it.skipIf(definitions.missing !== undefined)(
    `has ServiceMonitors and alert rules as the Prometheus operator defines them${withoutOperator}`,
    async () => {
      await defineMonitoring(api, definitions.yaml ?? "");
      const labels = { release: "prometheus" };
      const monitoring = { serviceMonitor: { enabled: true, labels }, prometheusRule: { enabled: true, labels } };
      const yaml = await render({ ...everything, monitoring });
      const answer = await dryRun(yaml);
      expect(answer.match(/^servicemonitor\.\S+ created/gm)).toHaveLength(2);
      expect(answer.match(/^prometheusrule\.\S+ created/gm)).toHaveLength(1);
      await expect(dryRun(yaml.replace("interval:", "intervall:"))).rejects.toThrow(/intervall/);
      await expect(dryRun(yaml.replace(/interval: .*/, "interval: often"))).rejects.toThrow(/spec\.endpoints/);
    },
  );

  it("would not be with a field that Kubernetes does not know: the check is strict", async () => {
    const wrong = (await render({ imageRegistry: "registry.example" })).replace("runAsNonRoot:", "runAsNonRooot:");
    await expect(dryRun(wrong)).rejects.toThrow(/runAsNonRooot/);
  });

  it("has a server that passes Pod Security's restricted level, and an agent that misses it by its host path only", async () => {
    const level = "pod-security.kubernetes.io/warn=restricted";
    await api.kubectl(["label", "namespace", "default", level, "--overwrite"]);
    const { paths } = await findPrograms();
    const yaml = await render({ imageRegistry: "registry.example" });
    const warningsNow = async (): Promise<string[]> => {
      const running = run(paths?.kube ?? "", ["kubectl", "apply", "--dry-run=server", "--filename", "-"], {
        env: { ...process.env, KUBECONFIG: api.kubeconfig },
      });
      running.child.stdin?.end(yaml);
      return (await running).stderr.split("\n").filter((line) => line.includes("PodSecurity"));
    };
    // The admission reads the namespace's labels from a cache, which a watch fills.
    const warnings = await readUntil("a warning of Pod Security", warningsNow, ({ length }) => length > 0);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /restricted volume types \(volume "containerd" uses restricted volume type "hostPath"\)$/,
    );
  });
});
