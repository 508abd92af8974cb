import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { goTool, temporaryFolder } from "@waybill/foundation/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";

/** The chart of Pulltrace as helm renders it. What a real API server and real kubelets make of it is tested in tests/cluster. */

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const chart = join(root, "deploy/charts/pulltrace");
const helm = await goTool("helm.sh/helm/v3/cmd/helm", "v3.17.3");
if (helm.program === undefined) console.warn(`skipped: the chart: ${helm.missing}`);

interface Container {
  readonly image: string;
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly volumeMounts: readonly Readonly<Record<string, unknown>>[];
}
interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly rules?: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[];
  readonly spec?: {
    readonly template?: {
      readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
      readonly spec: {
        readonly automountServiceAccountToken: boolean;
        readonly securityContext: Readonly<Record<string, unknown>>;
        readonly containers: readonly Container[];
        readonly volumes: readonly Readonly<Record<string, unknown>>[];
        readonly hostNetwork?: boolean;
        readonly hostPID?: boolean;
      };
    };
    readonly groups?: readonly unknown[];
    readonly type?: string;
    readonly ports?: readonly { readonly name: string }[];
  };
}

const registry = ["--set", "imageRegistry=registry.example", "--set", "agentAuth.token=a-token-for-the-tests"];

async function template(...parameters: readonly string[]): Promise<string> {
  const where = ["--namespace", "monitoring", "--kube-version", "1.34.0"];
  const { stdout } = await run(helm.program ?? "", ["template", "pulltrace", chart, ...where, ...parameters]);
  return stdout;
}

async function render(...parameters: readonly string[]): Promise<readonly Rendered[]> {
  const documents = parseAllDocuments(await template(...registry, ...parameters));
  return documents.flatMap((one) => {
    expect(one.errors).toEqual([]);
    const value = one.toJS() as Rendered | null;
    return value === null ? [] : [value];
  });
}

function only(objects: readonly Rendered[], kind: string): Rendered {
  const found = objects.filter((object) => object.kind === kind);
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} of kind ${kind}`);
  return found[0];
}

function containerOf(object: Rendered): Container {
  const container = object.spec?.template?.spec.containers[0];
  if (container === undefined) throw new Error(`${object.kind} has no container`);
  return container;
}

const valueOf = (container: Container, name: string): string | undefined =>
  container.env.find((variable) => variable.name === name)?.value;

/** Everything that can be switched on. */
const everything = {
  server: {
    watchNamespaces: ["team-a", "team-b"],
    trustedProxies: ["10.0.0.7", "fd00::/8"],
    persistence: { enabled: true, storageClass: "fast" },
    signIn: { existingSecret: "waybill-signing" },
    service: { type: "LoadBalancer" },
    priorityClassName: "important",
    extraEnv: [{ name: "NODE_EXTRA_CA_CERTS", value: "/etc/own/ca.crt" }],
  },
  agent: { containerdSocket: "/run/k3s/containerd/containerd.sock", socketGroup: 990, podLabels: { team: "platform" } },
  imagePullSecrets: [{ name: "registry-login" }],
  ingress: { enabled: true, host: "pulltrace.example", className: "nginx", tlsSecret: "pulltrace-tls" },
  networkPolicy: {
    enabled: true,
    allowFrom: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "ingress" } } }],
    metricsFrom: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } } }],
  },
  monitoring: {
    serviceMonitor: { enabled: true, labels: { release: "prometheus" } },
    prometheusRule: { enabled: true },
    dashboard: { enabled: true },
  },
};

describe.skipIf(helm.program === undefined)("the chart of Pulltrace", () => {
  const stack = new AsyncDisposableStack();
  let valuesOfEverything: string;

  beforeAll(async () => {
    const folder = stack.use(await temporaryFolder("waybill-chart-"));
    valuesOfEverything = join(folder.path, "everything.json");
    await writeFile(valuesOfEverything, JSON.stringify(everything));
  });
  afterAll(() => stack.disposeAsync());

  it("passes helm lint, strictly, with few values and with all", async () => {
    for (const values of [[], ["--values", valuesOfEverything]]) {
      const { stdout } = await run(helm.program ?? "", ["lint", chart, "--strict", ...registry, ...values]);
      expect(stdout).toContain("1 chart(s) linted, 0 chart(s) failed");
    }
  });

  it("has values.yaml and the README's table as its schema says", async () => {
    const check = run(process.execPath, [join(root, "scripts/chart-values.ts"), "--check"]);
    await expect(check).resolves.toMatchObject({ stderr: "" });
  });

  it("has the version of the release", async () => {
    const text = await readFile(join(chart, "Chart.yaml"), "utf8");
    const manifest = JSON.parse(await readFile(join(root, "waybill/package.json"), "utf8")) as { version: string };
    expect(text).toContain(`appVersion: "${manifest.version}"`);
  });

  it("renders what it rendered before", async () => {
    const snapshots = join(import.meta.dirname, "../fixtures/chart");
    await expect(await template(...registry)).toMatchFileSnapshot(join(snapshots, "defaults.yaml"));
    // The dashboard's text is the file's, and compared below.
    const all = await template(
      ...registry,
      "--values",
      valuesOfEverything,
      "--set",
      "monitoring.dashboard.enabled=false",
    );
    await expect(all).toMatchFileSnapshot(join(snapshots, "everything.yaml"));
  });

  it("has agents report to a Service of their own, also after an upgrade with the values of a release without it", async () => {
    for (const values of [[], ["--set", "server.service.reportPort=null"]]) {
      const objects = await render(...values);
      const agent = containerOf(only(objects, "DaemonSet"));
      expect(valueOf(agent, "PULLTRACE_SERVER_URL")).toBe("http://pulltrace-reports.monitoring.svc:8081");
      const server = containerOf(only(objects, "Deployment"));
      expect(valueOf(server, "PULLTRACE_REPORT_ADDR")).toBe(":8081");
      const service = objects.find(({ kind, metadata }) => kind === "Service" && metadata.name === "pulltrace-reports");
      expect(service?.spec?.ports).toEqual([{ name: "reports", port: 8_081, targetPort: "reports" }]);
    }
    // Published with the page it would be open to whoever sees the page.
    const published = await render("--set", "server.service.type=LoadBalancer");
    const open = published.filter(({ spec }) => spec?.type === "LoadBalancer");
    expect(open.map(({ spec }) => spec?.ports?.map(({ name }) => name))).toEqual([["http"]]);
  });

  it("gives the agent containerd's folder read-only and nothing more", async () => {
    const pod = only(await render(), "DaemonSet").spec?.template?.spec;
    expect(pod?.hostNetwork ?? false).toBe(false);
    expect(pod?.hostPID ?? false).toBe(false);
    expect(pod?.automountServiceAccountToken).toBe(false);
    expect(pod?.volumes).toEqual([{ name: "containerd", hostPath: { path: "/run/containerd", type: "Directory" } }]);
    expect(pod?.containers[0]?.volumeMounts).toEqual([expect.objectContaining({ name: "containerd", readOnly: true })]);
    expect(pod?.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65_532, runAsGroup: 0 });
  });

  it("runs both without rights, on read-only file systems", async () => {
    for (const kind of ["DaemonSet", "Deployment"]) {
      const object = only(await render("--values", valuesOfEverything), kind);
      expect(object.spec?.template?.spec.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: "RuntimeDefault" },
      });
      expect(containerOf(object).securityContext).toEqual({
        allowPrivilegeEscalation: false,
        privileged: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
    }
  });

  it("finds the socket of other distributions", async () => {
    const object = only(await render("--values", valuesOfEverything), "DaemonSet");
    expect(object.spec?.template?.spec.volumes[0]).toMatchObject({ hostPath: { path: "/run/k3s/containerd" } });
    expect(valueOf(containerOf(object), "PULLTRACE_CONTAINERD_SOCKET")).toBe("/run/containerd/containerd.sock");
    expect(object.spec?.template?.spec.securityContext).toMatchObject({ runAsGroup: 990 });
  });

  it("lets the server read pods and events: everywhere, or in the namespaces named, or nowhere", async () => {
    const rules = [{ apiGroups: [""], resources: ["pods", "events"], verbs: ["list", "watch"] }];
    expect(only(await render(), "ClusterRole").rules).toEqual(rules);
    const some = await render("--values", valuesOfEverything);
    const roles = some.filter(({ kind }) => kind === "Role");
    expect(roles.map(({ metadata }) => metadata.namespace)).toEqual(["team-a", "team-b"]);
    for (const role of roles) expect(role.rules).toEqual(rules);
    expect(some.filter(({ kind }) => kind.startsWith("ClusterRole"))).toEqual([]);
    expect(valueOf(containerOf(only(some, "Deployment")), "PULLTRACE_WATCH_NAMESPACES")).toBe("team-a,team-b");
    const none = await render("--set", "server.watchPods=false");
    expect(none.filter(({ kind }) => kind.includes("Role"))).toEqual([]);
    expect(only(none, "Deployment").spec?.template?.spec.automountServiceAccountToken).toBe(false);
    expect(valueOf(containerOf(only(none, "Deployment")), "PULLTRACE_KUBERNETES")).toBe("off");
  });

  it("gives agents and server the same token: made, given, or of a secret that is there", async () => {
    const given = await render();
    expect(Buffer.from(only(given, "Secret").data?.["agent-token"] ?? "", "base64").toString()).toBe(
      "a-token-for-the-tests",
    );
    const tokens = (objects: readonly Rendered[]) =>
      ["DaemonSet", "Deployment"].map(
        (kind) => containerOf(only(objects, kind)).env.find(({ name }) => name === "PULLTRACE_AGENT_TOKEN")?.valueFrom,
      );
    const of = (name: string, key: string) => ({ secretKeyRef: { name, key } });
    expect(tokens(given)).toEqual([
      of("pulltrace-agent-token", "agent-token"),
      of("pulltrace-agent-token", "agent-token"),
    ]);
    const there = await render("--set", "agentAuth.existingSecret=mine,agentAuth.existingSecretKey=token");
    expect(tokens(there)).toEqual([of("mine", "token"), of("mine", "token")]);
    expect(there.filter(({ kind }) => kind === "Secret")).toEqual([]);
    const made = await render("--set", "agentAuth.token=");
    expect(Buffer.from(only(made, "Secret").data?.["agent-token"] ?? "", "base64").toString()).toMatch(/^\w{48}$/);
    const none = await render("--set", "agentAuth.mode=none");
    expect(tokens(none)).toEqual([undefined, undefined]);
  });

  it("lets each agent prove its own node: a token for this server alone, and the right to ask whose it is", async () => {
    const objects = await render("--set", "agentAuth.mode=service-account,server.watchPods=false");
    const agent = only(objects, "DaemonSet");
    expect(agent.spec?.template?.spec.automountServiceAccountToken).toBe(false);
    expect(agent.spec?.template?.spec.volumes).toHaveLength(2);
    expect(agent.spec?.template?.spec.volumes[1]).toMatchObject({
      projected: { sources: [{ serviceAccountToken: { audience: "pulltrace", path: "token" } }] },
    });
    expect(valueOf(containerOf(agent), "PULLTRACE_AGENT_TOKEN_FILE")).toBe("/var/run/secrets/pulltrace/token");
    const server = containerOf(only(objects, "Deployment"));
    expect(valueOf(server, "PULLTRACE_AGENT_AUTH")).toBe("service-account");
    expect(valueOf(server, "PULLTRACE_AGENT_SERVICE_ACCOUNTS")).toBe("monitoring/pulltrace-agent");
    expect(only(objects, "ClusterRole").rules).toEqual([
      { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
    ]);
    expect(objects.filter(({ kind }) => kind === "Secret")).toEqual([]);
  });

  it("ships the dashboard and the alerts that are tested elsewhere, letter by letter", async () => {
    const objects = await render("--values", valuesOfEverything);
    const dashboard = only(objects, "ConfigMap").data?.["pulltrace-dashboard.json"] ?? "";
    const file = await readFile(join(root, "deploy/monitoring/pulltrace-dashboard.json"), "utf8");
    expect(JSON.parse(dashboard)).toEqual(JSON.parse(file));
    const rules = await readFile(join(root, "deploy/monitoring/pulltrace-rules.yaml"), "utf8");
    expect(only(objects, "PrometheusRule").spec).toEqual(parseAllDocuments(rules)[0]?.toJS());
  });

  it("keeps metrics inside when the page is published", async () => {
    const services = (await render("--values", valuesOfEverything)).filter(({ kind }) => kind === "Service");
    const published = services.filter(({ spec }) => spec?.type === "LoadBalancer");
    expect(published.map(({ spec }) => spec?.ports?.map(({ name }) => name))).toEqual([["http"]]);
  });

  it.each([
    [["--set", "agent.reportIntervall=5s"], "Additional property reportIntervall is not allowed"],
    [["--set", "agent.reportInterval=often"], "agent.reportInterval"],
    [["--set", "agent.containerdSocket=run/containerd.sock"], "agent.containerdSocket"],
    [["--set", "server.logLevel=loud"], "server.logLevel"],
    [["--set", "server.watchNamespaces={Team}"], "server.watchNamespaces"],
    [["--set", "server.trustedProxies={proxy.example}"], "server.trustedProxies"],
    [["--set", "server.image.digest=sha256:abc"], "server.image.digest"],
    [["--set", "agentAuth.token=short"], "agentAuth.token"],
    [["--set", "agentAuth.mode=maybe"], "agentAuth.mode"],
    [["--set", "ingress.enabled=true"], "ingress.host"],
    [["--set", "agent.extraEnv[0].name=PORT,agent.extraEnv[0].value=1"], "agent.extraEnv.0.value"],
    [["--set", "imageRegistry=https://registry.example/"], "imageRegistry"],
  ])("refuses %s by naming the value", async (parameters, words) => {
    await expect(template(...registry, ...parameters)).rejects.toMatchObject({
      stderr: expect.stringContaining(words) as string,
    });
  });

  it("asks for the registry that has the images", async () => {
    await expect(template()).rejects.toMatchObject({
      stderr: expect.stringContaining("imageRegistry is needed: the registry that `make images` pushed to") as string,
    });
  });
});
