import { writeFile } from "node:fs/promises";
import type { ApiServerParts } from "./api-server.ts";
import type { Scene } from "./scene.ts";
import { until } from "./until.ts";

/** Of the API server, which they would otherwise ask 20 times a second at most: five seconds of a start. */
const unhurried = ["--leader-elect=false", "--kube-api-qps=1000", "--kube-api-burst=2000"];

/**
 * Controllers and scheduler. Not before the API server is ready: the controller manager gives up, and the scheduler
 * backs off, while RBAC's own roles are not there.
 */
export async function startControllers(scene: Scene, parts: ApiServerParts, graceSeconds: number): Promise<void> {
  const { pki, daemons } = parts;
  const start = async (name: string, user: string, flags: readonly string[]): Promise<void> => {
    const kubeconfig = await pki.writeKubeconfig(name, { commonName: user });
    const same = ["", "authentication-", "authorization-"].map((kind) => `--${kind}kubeconfig=${kubeconfig}`);
    const own = [`--bind-address=${scene.plan.loopback}`, `--cert-dir=${scene.path(name)}`];
    daemons.set(name, scene.start(name, scene.programs.kube, [name, ...same, ...own, ...unhurried, ...flags]));
  };
  await start("kube-controller-manager", "system:kube-controller-manager", [
    `--service-account-private-key-file=${pki.file("service-accounts.key")}`,
    `--root-ca-file=${pki.file("ca.crt")}`,
    `--cluster-signing-cert-file=${pki.file("ca.crt")}`,
    `--cluster-signing-key-file=${pki.file("ca.key")}`,
    "--use-service-account-credentials",
    `--node-monitor-grace-period=${graceSeconds}s`,
    "--node-monitor-period=1s",
  ]);
  await start("kube-scheduler", "system:kube-scheduler", []);
}

/** CoreDNS, on the machine's address in the network of the nodes: pods ask it without a Service between. */
export async function startDns(scene: Scene, { pki, daemons }: ApiServerParts): Promise<void> {
  const kubeconfig = await pki.writeKubeconfig("coredns", {
    commonName: "coredns",
    organizations: ["system:masters"],
  });
  const file = scene.path("Corefile");
  await writeFile(
    file,
    `.:53 {
  bind ${scene.plan.host}
  errors
  ready ${scene.plan.loopback}:8181
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${kubeconfig} test
    pods insecure
  }
  cache 2
}
`,
  );
  daemons.set("coredns", scene.start("coredns", scene.programs.coredns, ["-conf", file]));
}

export async function dnsReady(scene: Scene, { daemons }: ApiServerParts): Promise<void> {
  await until("DNS", async () => {
    await daemons.get("coredns")?.check();
    return fetch(`http://${scene.plan.loopback}:8181/ready`).then(
      (response) => response.ok,
      () => false,
    );
  });
}
