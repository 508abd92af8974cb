import { readSettings } from "@waybill/foundation/config";
import { connectKubernetes, pods, type Kubernetes, type KubernetesObject } from "@waybill/foundation/kubernetes";
import { silentLogger, temporaryFolder } from "@waybill/foundation/testing";
import type { AgentReport, PullList, PullStatus, WaitingPodList } from "@waybill/pulltrace/contract";
import { startWaybill } from "@waybill/waybill/assembly";
import { startPullService } from "@waybill/waybill/pull-service";
import { pullServiceSettings, upSettings } from "@waybill/waybill/settings";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApiServer } from "./api-server.ts";
import type { ApiServer } from "./contract.ts";
import { apiServerMissing } from "./missing.ts";
import { until } from "./until.ts";

/**
 * `waybill pulltrace server` and `waybill up` with a real API server and no nodes: the test plays kubelet by writing the status of pods.
 * Real kubelets are in pulltrace.cluster.test.ts.
 */

const missing = await apiServerMissing();
const reason = missing === undefined ? "" : ` (not tried: ${missing})`;
const image = "registry.example:5000/team-a/shop:1";
let api: ApiServer;
let admin: Kubernetes;
let service: Awaited<ReturnType<typeof startPullService>>;

interface Readiness {
  readonly status: string;
  readonly checks: readonly { readonly name: string; readonly status: string; readonly detail?: string }[];
}

async function get<T>(path: string): Promise<T> {
  return (await (await fetch(`${service.url}${path}`)).json()) as T;
}
async function kubernetesCheck(): Promise<Readiness["checks"][number] | undefined> {
  return (await get<Readiness>("/readyz")).checks.find(({ name }) => name === "kubernetes");
}
async function pullsOf(node: string): Promise<readonly PullStatus[]> {
  return (await get<PullList>(`/api/v1/pulls?node=${node}`)).pulls;
}
async function runPod(name: string, node: string): Promise<void> {
  const pod: KubernetesObject & { readonly spec: object } = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "shop", name },
    spec: { nodeName: node, containers: [{ name: "main", image }] },
  };
  await admin.create(pods, { namespace: "shop" }, pod);
}
/** What kubelet would write. */
async function kubeletSays(name: string, imageID: string, state: object): Promise<void> {
  const containerStatuses = [{ name: "main", image, imageID, ready: false, restartCount: 0, state }];
  await admin.patch(
    pods,
    { namespace: "shop", name, subresource: "status" },
    { status: { phase: imageID === "" ? "Pending" : "Running", containerStatuses } },
  );
}
async function report(node: string, pulls: AgentReport["pulls"]): Promise<void> {
  const body: AgentReport = { nodeName: node, timestamp: new Date().toISOString(), pulls };
  const response = await fetch(`${service.url}/api/v1/report`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(204);
}
const rights = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: pulltrace }
rules: [{ apiGroups: [""], resources: [pods, events], verbs: [list, watch] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: pulltrace }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: pulltrace }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: User, name: pulltrace }]
`;

beforeAll(async () => {
  if (missing !== undefined) return;
  api = await startApiServer();
  const kubernetes = await connectKubernetes({ kubeconfig: { path: api.kubeconfig } });
  if (kubernetes === undefined) throw new Error("no client");
  admin = kubernetes;
  await api.apply("apiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n");
  const settings = readSettings(pullServiceSettings, {
    env: {},
    flags: {
      httpAddress: "127.0.0.1:0",
      metricsAddress: "127.0.0.1:0",
      kubernetes: await api.kubeconfigFor("pulltrace"),
    },
  });
  service = await startPullService(settings, silentLogger());
});
afterAll(async () => {
  await service?.close();
  admin?.close();
  await api?.stop();
});

describe.skipIf(missing !== undefined)(`the pull server and a real API server${reason}`, () => {
  it("runs without rights, says which are missing, and follows pods once it has them", async () => {
    await until("the warning", async () => (await kubernetesCheck())?.status === "warning");
    await until("the missing rule", async () => {
      const detail = (await kubernetesCheck())?.detail ?? "";
      return /pods is forbidden: User "pulltrace" cannot list .*Grant it: a ClusterRole/.test(detail);
    });
    expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
    await api.apply(rights);
    await until("the watch", async () => (await kubernetesCheck())?.status === "ok");
  });

  it("shows the pods of a pull, and takes them out when their container has the image", async () => {
    await runPod("one", "node-a");
    await runPod("two", "node-a");
    const pull = (downloadedBytes: number): AgentReport["pulls"] => [
      {
        id: "p1",
        imageRef: image,
        startedAt: new Date().toISOString(),
        totalKnown: true,
        phase: "downloading",
        layers: [
          {
            digest: `sha256:${"1".repeat(64)}`,
            mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
            totalBytes: 1_000,
            downloadedBytes,
            totalKnown: true,
          },
        ],
      },
    ];
    const podsShown = async (count: number): Promise<boolean> => {
      await report("node-a", pull(10));
      const [shown] = await pullsOf("node-a");
      return shown?.pods.length === count;
    };
    await until("both pods", () => podsShown(2));
    await kubeletSays("one", "registry.example/x@sha256:1", { running: { startedAt: new Date().toISOString() } });
    await until("one pod", () => podsShown(1));
    expect((await pullsOf("node-a"))[0]?.pods).toMatchObject([
      { namespace: "shop", podName: "two", part: "container" },
    ]);
  });

  it("shows what kubelet tries in vain with cause and next try, through a restart of the API server", async () => {
    await runPod("broken", "node-b");
    await until("the waiting row", async () => (await pullsOf("node-b"))[0]?.phase === "waiting");
    const message = `Failed to pull image "${image}": rpc error: code = NotFound desc = failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${image}: not found`;
    await kubeletSays("broken", "", { waiting: { reason: "ErrImagePull", message } });
    await until("the failed row", async () => (await pullsOf("node-b"))[0]?.phase === "failed");
    const [row] = await pullsOf("node-b");
    expect(row).toMatchObject({ failure: { code: "not-found" }, attempts: 1, waitsFor: { kind: "back-off" } });
    expect(row?.nextTryAt).toBeDefined();
    const { pods: waiting } = await get<WaitingPodList>("/api/v1/pods/waiting?node=node-b");
    expect(waiting).toMatchObject([{ podName: "broken", phase: "failed", pullId: row?.id }]);

    await api.restart();
    await kubeletSays("broken", "", {
      waiting: { reason: "ImagePullBackOff", message: `Back-off pulling image "${image}"` },
    });
    await kubeletSays("broken", "", { waiting: { reason: "ErrImagePull", message } });
    await until("the second try", async () => (await pullsOf("node-b"))[0]?.attempts === 2);
    expect((await pullsOf("node-b"))[0]?.id).toBe(row?.id);

    await admin.delete(pods, { namespace: "shop", name: "broken" }, { gracePeriodSeconds: 0 });
    await until(
      "nobody waiting",
      async () => (await get<WaitingPodList>("/api/v1/pods/waiting?node=node-b")).pods.length === 0,
    );
    expect(await pullsOf("node-b")).toMatchObject([{ id: row?.id, phase: "failed", pods: [] }]);
  });

  it("is what `waybill up` follows as well, when it is told where Kubernetes is", async () => {
    await runPod("three", "node-c");
    await using folder = await temporaryFolder("waybill-up-");
    const flags = { data: folder.path, http: "127.0.0.1:0", metrics: "127.0.0.1:0", noAgent: "true" };
    const start = (kubernetes: string) =>
      startWaybill({
        settings: readSettings(upSettings, { env: {}, flags: { ...flags, kubernetes } }),
        version: "0.0.0",
        logger: silentLogger,
      });
    const following = await start(await api.kubeconfigFor("pulltrace"));
    try {
      await until("the waiting pod", async () => {
        const { pods: waiting } = (await (
          await fetch(`${following.url}/api/v1/pods/waiting`)
        ).json()) as WaitingPodList;
        return waiting.some(({ podName, nodeName }) => podName === "three" && nodeName === "node-c");
      });
      const { checks } = (await (await fetch(`${following.url}/readyz`)).json()) as Readiness;
      expect(checks.find(({ name }) => name === "kubernetes")).toMatchObject({ status: "ok" });
    } finally {
      await following.close();
    }
    const alone = await start("off");
    const { checks } = (await (await fetch(`${alone.url}/readyz`)).json()) as Readiness;
    await alone.close();
    expect(checks.map(({ name }) => name)).not.toContain("kubernetes");
  });
});
