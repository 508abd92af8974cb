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
import { readUntil } from "./until.ts";

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
  expect(response.status).toBe(200);
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
    const words = /pods is forbidden: User "pulltrace" cannot list .*Grant it: a ClusterRole/;
    await readUntil(
      "the warning with the missing rule",
      kubernetesCheck,
      (check) => check?.status === "warning" && words.test(check.detail ?? ""),
    );
    expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
    await api.apply(rights);
    await readUntil("the watch", kubernetesCheck, (check) => check?.status === "ok");
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
    const podsShown = async (): Promise<PullStatus["pods"] | undefined> => {
      await report("node-a", pull(10));
      return (await pullsOf("node-a"))[0]?.pods;
    };
    await readUntil("both pods", podsShown, (shown) => shown?.length === 2);
    await kubeletSays("one", "registry.example/x@sha256:1", { running: { startedAt: new Date().toISOString() } });
    const left = await readUntil("one pod", podsShown, (shown) => shown?.length === 1);
    expect(left).toMatchObject([{ namespace: "shop", podName: "two", part: "container" }]);
  });

  it("shows what kubelet tries in vain with cause and next try, through a restart of the API server", async () => {
    await runPod("broken", "node-b");
    const rows = (): Promise<readonly PullStatus[]> => pullsOf("node-b");
    const waitingPods = async () => (await get<WaitingPodList>("/api/v1/pods/waiting?node=node-b")).pods;
    await readUntil("the waiting row", rows, ([first]) => first?.phase === "waiting");
    const message = `Failed to pull image "${image}": rpc error: code = NotFound desc = failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${image}: not found`;
    await kubeletSays("broken", "", { waiting: { reason: "ErrImagePull", message } });
    const [row] = await readUntil("the failed row", rows, ([first]) => first?.phase === "failed");
    expect(row).toMatchObject({ failure: { code: "not-found" }, attempts: 1, waitsFor: { kind: "back-off" } });
    expect(row?.nextTryAt).toBeDefined();
    expect(await waitingPods()).toMatchObject([{ podName: "broken", phase: "failed", pullId: row?.id }]);

    await api.restart();
    // Both states have to be seen: a list that is read anew has only the last one, so the watch has to stand before.
    await runPod("after-the-restart", "node-d");
    await readUntil(
      "the watch after the restart",
      () => pullsOf("node-d"),
      ({ length }) => length === 1,
    );
    await kubeletSays("broken", "", {
      waiting: { reason: "ImagePullBackOff", message: `Back-off pulling image "${image}"` },
    });
    await kubeletSays("broken", "", { waiting: { reason: "ErrImagePull", message } });
    const [again] = await readUntil("the second try", rows, ([first]) => first?.attempts === 2);
    expect(again?.id).toBe(row?.id);

    await admin.delete(pods, { namespace: "shop", name: "broken" }, { gracePeriodSeconds: 0 });
    await readUntil("nobody waiting", waitingPods, ({ length }) => length === 0);
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
      await readUntil(
        "the waiting pod",
        async () => (await (await fetch(`${following.url}/api/v1/pods/waiting`)).json()) as WaitingPodList,
        (waiting) => waiting.pods.some(({ podName, nodeName }) => podName === "three" && nodeName === "node-c"),
      );
      await readUntil(
        "Kubernetes to be followed",
        async () => (await (await fetch(`${following.url}/readyz`)).json()) as Readiness,
        ({ checks }) => checks.find(({ name }) => name === "kubernetes")?.status === "ok",
      );
    } finally {
      await following.close();
    }
    const alone = await start("off");
    const { checks } = (await (await fetch(`${alone.url}/readyz`)).json()) as Readiness;
    await alone.close();
    expect(checks.map(({ name }) => name)).not.toContain("kubernetes");
  });
});
