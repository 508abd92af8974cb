import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { NodePlan } from "./addresses.ts";
import { removeControlGroups } from "./clean-up.ts";
import { command } from "./command.ts";
import type { ClusterNode, NodeDaemon, NodeOptions } from "./contract.ts";
import { makeControlGroup } from "./control-groups.ts";
import { type Daemon, environmentOf } from "./daemon.ts";
import { networkPlugins } from "./missing.ts";
import { plugIn, sentBytes, setLinkRate, setLinkUp } from "./network.ts";
import {
  containerdToml,
  hostsToml,
  kubeletConfiguration,
  networkConfiguration,
  type NodeFiles,
  proxyConfiguration,
} from "./node-files.ts";
import type { Pki } from "./pki.ts";
import type { Scene } from "./scene.ts";
import { until } from "./until.ts";

/** A node as the cluster handles it. */
export interface Machine {
  readonly plan: NodePlan;
  readonly face: ClusterNode;
  /** Namespaces, cable, containerd. Resolves when containerd answers. */
  powerOn(): Promise<void>;
  /** kubelet and kube-proxy, which need the API server. */
  join(): Promise<void>;
  /** Every process is gone when it resolves, the memory (`/run`, control groups) too. The disk stays. */
  cutPower(): Promise<void>;
}

export interface MachineSurroundings {
  readonly scene: Scene;
  readonly pki: Pki;
  /** All nodes of the cluster, whose pods this one has to find. */
  readonly all: () => readonly NodePlan[];
  /** Registry name (`_default` for all others) → URL that the node reaches. */
  readonly registries: ReadonlyMap<string, string>;
  readonly sandboxImage: string;
}

const daemonNames: readonly NodeDaemon[] = ["containerd", "kubelet", "kube-proxy"];

export async function makeMachine(
  surroundings: MachineSurroundings,
  plan: NodePlan,
  options: NodeOptions,
): Promise<Machine> {
  const { scene, pki } = surroundings;
  const folder = scene.path(plan.name);
  const files = await writeFiles(surroundings, plan, options, folder);
  const daemons = new Map<NodeDaemon, Daemon>();
  const containerdFolder = options.containerdFolder;
  const ctr = containerdFolder === undefined ? "ctr" : join(containerdFolder, "ctr");
  let holder: Daemon | undefined;
  let pid: number | undefined;
  let rate = options.bytesPerSecond;
  let receivedBefore = 0;

  const inside = (): string[] => {
    if (pid === undefined) throw new Error(`${plan.name} is off`);
    return ["--target", String(pid), "--mount", "--uts", "--net", "--pid"];
  };
  const start = (name: NodeDaemon): void => {
    const programs: Readonly<Record<NodeDaemon, readonly string[]>> = {
      containerd: [
        containerdFolder === undefined ? "containerd" : join(containerdFolder, "containerd"),
        "--config",
        join(files.folder, "containerd.toml"),
      ],
      kubelet: [
        scene.programs.kube,
        "kubelet",
        `--config=${join(files.folder, "kubelet.json")}`,
        `--kubeconfig=${pki.file(`${plan.name}.kubeconfig`)}`,
        `--node-ip=${plan.address}`,
        `--hostname-override=${plan.name}`,
      ],
      "kube-proxy": [scene.programs.kube, "kube-proxy", `--config=${join(files.folder, "kube-proxy.json")}`],
    };
    // containerd looks for its shim on PATH.
    const path = `${containerdFolder === undefined ? "" : `${containerdFolder}:`}${environmentOf("")["PATH"] ?? ""}`;
    daemons.set(name, scene.start(`${plan.name}-${name}`, "nsenter", [...inside(), ...programs[name]], { PATH: path }));
  };
  const check = async (): Promise<void> => {
    await holder?.check();
    for (const daemon of daemons.values()) await daemon.check();
  };
  const containerdAnswers = async (): Promise<void> => {
    const socket = join(folder, "run", "containerd", "containerd.sock");
    await until(`containerd of ${plan.name}`, async () => {
      await check();
      return command(ctr, ["--address", socket, "version"], { timeoutMs: 10_000 }).then(
        () => true,
        () => false,
      );
    });
  };

  const face: ClusterNode = {
    name: plan.name,
    address: plan.address,
    podSubnet: plan.podSubnet,
    containerdSocket: join(folder, "run", "containerd", "containerd.sock"),
    get running() {
      return pid !== undefined;
    },
    get pid() {
      return pid;
    },
    link: {
      async setRate(bytesPerSecond) {
        if (pid !== undefined) await setLinkRate(plan, bytesPerSecond);
        rate = bytesPerSecond;
      },
      setUp: (up) => setLinkUp(plan, up),
      receivedBytes: async () => receivedBefore + (await sentBytes(plan)),
    },
    run: async (program, parameters, how = {}) =>
      command("nsenter", [...inside(), program, ...parameters], { ...how, env: environmentOf(scene.identity.id) }),
    log: (name) => readFile(scene.path("log", `${plan.name}-${name}.log`), "utf8"),
    async restart(name, signal = "SIGTERM") {
      const daemon = daemons.get(name);
      if (daemon === undefined) throw new Error(`${name} of ${plan.name} does not run`);
      await endInside(daemon, signal);
      start(name);
      if (name === "containerd") await containerdAnswers();
    },
  };

  return {
    plan,
    face,
    async powerOn() {
      await makeControlGroup(plan.controlGroup);
      // Memory of the node: a reboot forgets it.
      await rm(join(folder, "run"), { recursive: true, force: true });
      await mkdir(join(folder, "run"), { recursive: true });
      const init = fileURLToPath(new URL("./node-init.sh", import.meta.url));
      const namespaces = ["--mount", "--uts", "--net", "--pid", "--fork", "--mount-proc"];
      const bonds = ["--kill-child=KILL", "--propagation", "slave"];
      const started = scene.start(plan.name, "unshare", [
        ...namespaces,
        ...bonds,
        init,
        folder,
        plan.name,
        scene.programs.pause,
      ]);
      holder = started;
      await until(`the namespaces of ${plan.name}`, async () => {
        await started.check();
        return readFile(join(folder, "run", "ready")).then(
          () => true,
          () => false,
        );
      });
      pid = Number((await readFile(`/proc/${started.pid}/task/${started.pid}/children`, "utf8")).trim());
      await plugIn(scene.plan, plan, pid, surroundings.all());
      if (rate !== undefined) await setLinkRate(plan, rate);
      start("containerd");
      await containerdAnswers();
    },
    async join() {
      start("kubelet");
      start("kube-proxy");
      await check();
    },
    async cutPower() {
      const init = pid;
      if (holder === undefined || init === undefined) return;
      receivedBefore += await sentBytes(plan);
      pid = undefined;
      // The kernel kills process 1 with its parent, and with process 1 everything in its process namespace.
      await holder.end("SIGKILL");
      await until(`the end of ${plan.name}`, async () => !(await exists(init)));
      for (const name of daemonNames) await daemons.get(name)?.end("SIGKILL");
      daemons.clear();
      await until(`the control groups of ${plan.name} to be gone`, () => removeControlGroups(plan.controlGroup));
      // A namespace is taken apart a moment after its last process; a new cable needs the old one's name.
      await until(`the cable of ${plan.name} to be gone`, async () => !(await exists(plan.cable)));
    },
  };
}

/** A process by its number, a network device by its name. A process that has ended and is not buried yet is gone. */
async function exists(what: number | string): Promise<boolean> {
  if (typeof what === "string")
    return (await readFile(`/sys/class/net/${what}/ifindex`).catch(() => undefined)) !== undefined;
  const status = await readFile(`/proc/${what}/status`, "utf8").catch(() => undefined);
  return status !== undefined && !/^State:\s+[ZX]/m.test(status);
}

/** nsenter waits for the program and hands no signal on: the program itself has to get it. */
async function endInside(daemon: Daemon, signal: NodeJS.Signals): Promise<void> {
  const children = (await readFile(`/proc/${daemon.pid}/task/${daemon.pid}/children`, "utf8")).trim();
  for (const child of children.split(" ").filter((one) => one !== "")) process.kill(Number(child), signal);
  await until(`${daemon.name} to end`, async () => !daemon.running);
}

async function writeFiles(
  { scene, pki, registries, sandboxImage }: MachineSurroundings,
  plan: NodePlan,
  options: NodeOptions,
  folder: string,
): Promise<NodeFiles> {
  const subject = { commonName: `system:node:${plan.name}`, organizations: ["system:nodes"] };
  await pki.writeKubeconfig(plan.name, subject);
  await pki.writePair(plan.name, { ...subject, server: true, names: [plan.name], addresses: [plan.address] });
  const files: NodeFiles = {
    folder: join(folder, "files"),
    certificateAuthority: pki.file("ca.crt"),
    kubeletCertificate: pki.file(`${plan.name}.crt`),
    kubeletKey: pki.file(`${plan.name}.key`),
    proxyKubeconfig: pki.file("kube-proxy.kubeconfig"),
  };
  const write = async (name: string, content: string): Promise<void> => {
    await mkdir(join(files.folder, name, ".."), { recursive: true });
    await writeFile(join(files.folder, name), content);
  };
  const version = options.containerdFolder === undefined ? 2 : await configurationVersion(options.containerdFolder);
  await write("containerd.toml", containerdToml(version, sandboxImage, networkPlugins));
  await write("net.d/10-pods.conflist", networkConfiguration(plan.podSubnet));
  for (const [name, url] of registries) await write(`certs.d/${name}/hosts.toml`, hostsToml(url));
  const serialize = options.serializeImagePulls ?? false;
  await write("kubelet.json", kubeletConfiguration(plan, files, scene.plan.host, serialize));
  await write("kube-proxy.json", proxyConfiguration(plan, files, scene.plan.network));
  return files;
}

async function configurationVersion(folder: string): Promise<2 | 3> {
  const printed = await command(join(folder, "containerd"), ["--version"]);
  return / v?1\./.test(printed) ? 2 : 3;
}
