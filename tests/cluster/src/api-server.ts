import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { Agent, request } from "node:https";
import { command } from "./command.ts";
import type { ApiServer, ApiServerOptions, KubectlOptions } from "./contract.ts";
import type { Daemon } from "./daemon.ts";
import { environmentOf } from "./daemon.ts";
import { makePki, type Pki } from "./pki.ts";
import { makeFolders, type Scene, setScene } from "./scene.ts";
import { readUntil, until } from "./until.ts";

const port = 6443;

/** etcd and the API server of a cluster, and everything that needs no more than them. */
export interface ApiServerParts {
  readonly pki: Pki;
  readonly api: ApiServer;
  readonly daemons: Map<string, Daemon>;
  /** Runs a program with a kubeconfig in its environment and a home folder of its own. */
  runWith(program: string, parameters: readonly string[], options?: KubectlOptions): Promise<string>;
}

/**
 * etcd and kube-apiserver alone, on a loopback address of their own: RBAC, admission, watches, service account tokens,
 * all real. No controllers: nothing deletes what an owner leaves, no namespace gets its default service account.
 * Needs neither root nor containerd.
 */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const scene = await setScene(options.onProgress);
  try {
    await makeFolders(scene);
    // There is no controller that would give a namespace its service account: pods need not have one.
    const { api } = await startApiServerIn(scene, scene.plan.loopback, [
      "--endpoint-reconciler-type=none",
      "--disable-admission-plugins=ServiceAccount",
    ]);
    return api;
  } catch (error) {
    await scene.keeper.release();
    throw error;
  }
}

export async function startApiServerIn(
  scene: Scene,
  address: string,
  further: readonly string[],
): Promise<ApiServerParts> {
  const { plan, programs } = scene;
  const server = `https://${address}:${port}`;
  const pki = await makePki(scene, server);
  const domain = "cluster.local";
  await pki.writePair("kube-apiserver", {
    commonName: "kube-apiserver",
    server: true,
    addresses: [address, plan.apiService],
    names: ["kubernetes", "kubernetes.default", "kubernetes.default.svc", `kubernetes.default.svc.${domain}`],
  });
  await pki.writePair("kubelet-client", {
    commonName: "kube-apiserver-kubelet-client",
    organizations: ["system:masters"],
    client: true,
  });
  const kubeconfig = await pki.writeKubeconfig("admin", { commonName: "admin", organizations: ["system:masters"] });
  scene.say("certificates");

  const daemons = new Map<string, Daemon>();
  await mkdir(scene.path("etcd"), { mode: 0o700 });
  daemons.set("etcd", scene.start("etcd", programs.kube, ["etcd", ...etcdFlags(scene)]));
  const startServer = (): void => {
    const flags = apiServerFlags(scene, pki, address);
    daemons.set(
      "kube-apiserver",
      scene.start("kube-apiserver", programs.kube, ["kube-apiserver", ...flags, ...further]),
    );
  };
  const ready = async (): Promise<void> => {
    await until("the API server to be ready", async () => {
      for (const name of ["etcd", "kube-apiserver"]) await daemons.get(name)?.check();
      return isReady(server, pki.authority.certificate);
    });
  };
  startServer();
  await ready();

  const runWith = (program: string, parameters: readonly string[], how: KubectlOptions = {}): Promise<string> => {
    const env = environmentOf(scene.identity.id, {
      KUBECONFIG: how.kubeconfig ?? kubeconfig,
      HOME: scene.path("home"),
    });
    return command(program, parameters, { ...how, env });
  };
  const kubectl = (parameters: readonly string[], how?: KubectlOptions): Promise<string> =>
    runWith(programs.kube, ["kubectl", ...parameters], how);
  // The server makes it in the background, and says that it is ready before.
  await readUntil(
    "the namespace default",
    () => kubectl(["get", "namespace/default", "--output", "name"]),
    (name) => name.trim() === "namespace/default",
  );
  scene.say("API server ready");
  const stop = (): Promise<void> => scene.keeper.release();
  const api: ApiServer = {
    id: scene.identity.id,
    server,
    kubeconfig,
    certificateAuthority: pki.file("ca.crt"),
    kubeconfigFor: (user, groups = []) =>
      pki.writeKubeconfig(`user-${randomUUID()}`, { commonName: user, organizations: groups }),
    kubectl,
    get: async <T>(parameters: readonly string[], how?: KubectlOptions) =>
      JSON.parse(await kubectl(["get", ...parameters, "-o", "json"], how)) as T,
    apply: (yaml, how = {}) => kubectl(["apply", "--server-side", "-f", "-"], { ...how, input: yaml }),
    async log(program) {
      const daemon = daemons.get(program);
      if (daemon === undefined) throw new Error(`no ${program} runs here`);
      return daemon.log();
    },
    async restart() {
      await daemons.get("kube-apiserver")?.end("SIGKILL");
      startServer();
      await ready();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
  return { pki, api, daemons, runWith };
}

/** The data stand in memory or on a disk that may be slow, and go with the test: nothing waits for fsync. */
function etcdFlags(scene: Scene): string[] {
  const { loopback } = scene.plan;
  const [clients, peers] = [`http://${loopback}:2379`, `http://${loopback}:2380`];
  return [
    "--name=test",
    `--data-dir=${scene.path("etcd")}`,
    `--listen-client-urls=${clients}`,
    `--advertise-client-urls=${clients}`,
    `--listen-peer-urls=${peers}`,
    `--initial-advertise-peer-urls=${peers}`,
    `--initial-cluster=test=${peers}`,
    "--unsafe-no-fsync",
    "--log-level=warn",
  ];
}

function apiServerFlags(scene: Scene, pki: Pki, address: string): string[] {
  const { plan } = scene;
  return [
    `--etcd-servers=http://${plan.loopback}:2379`,
    `--bind-address=${address}`,
    `--advertise-address=${address}`,
    `--secure-port=${port}`,
    `--cert-dir=${scene.path("kube-apiserver")}`,
    `--tls-cert-file=${pki.file("kube-apiserver.crt")}`,
    `--tls-private-key-file=${pki.file("kube-apiserver.key")}`,
    `--client-ca-file=${pki.file("ca.crt")}`,
    `--service-cluster-ip-range=${plan.services}`,
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${pki.file("service-accounts.pub")}`,
    `--service-account-signing-key-file=${pki.file("service-accounts.key")}`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--allow-privileged=true",
    `--kubelet-certificate-authority=${pki.file("ca.crt")}`,
    `--kubelet-client-certificate=${pki.file("kubelet-client.crt")}`,
    `--kubelet-client-key=${pki.file("kubelet-client.key")}`,
    "--kubelet-preferred-address-types=InternalIP",
    "--profiling=false",
  ];
}

/** `/readyz` is answered without a login; it is true when RBAC's own roles are there, too. */
async function isReady(server: string, certificateAuthority: string): Promise<boolean> {
  const agent = new Agent({ ca: certificateAuthority, keepAlive: false });
  return new Promise((resolve) => {
    const asked = request(`${server}/readyz`, { agent, timeout: 10_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.once("timeout", () => asked.destroy());
    asked.once("error", () => resolve(false));
    asked.end();
  });
}
