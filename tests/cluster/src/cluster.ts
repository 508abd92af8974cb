import { readFile, writeFile } from "node:fs/promises";
import { planNode } from "./addresses.ts";
import { type ApiServerParts, startApiServerIn } from "./api-server.ts";
import { command } from "./command.ts";
import type { Cluster, ClusterOptions, NodeOptions, WaitOptions } from "./contract.ts";
import { dnsReady, startControllers, startDns } from "./control-plane.ts";
import { forward, type Forwarder } from "./forwarder.ts";
import { AddressesTaken, learnRoute, makeBridge } from "./network.ts";
import { type Machine, makeMachine, type MachineSurroundings } from "./node.ts";
import { pushProgram, sandboxReference, startRegistry } from "./registry.ts";
import { makeFolders, type Scene, setScene } from "./scene.ts";
import { until } from "./until.ts";

/**
 * Starts a control plane and its nodes, and resolves when all nodes are Ready: about ten seconds for two. Needs root;
 * `clusterMissing()` says what else. Everything goes when `stop` is called, and when the calling process ends.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const scene = await setNetworkedScene(options.onProgress);
  const forwarders: Forwarder[] = [];
  try {
    return await build(scene, options, forwarders);
  } catch (error) {
    await close(scene, forwarders);
    throw error;
  }
}

async function close(scene: Scene, forwarders: readonly Forwarder[]): Promise<void> {
  await Promise.all(forwarders.map((forwarder) => forwarder.close()));
  await scene.keeper.release();
}

/** State in memory: no fsync of etcd, containerd or the registry waits for a disk. */
async function setNetworkedScene(onProgress: ClusterOptions["onProgress"]): Promise<Scene> {
  for (;;) {
    const scene = await setScene(onProgress);
    try {
      await command("mount", ["-t", "tmpfs", "-o", "size=8g,mode=0755", "waybill-cluster", scene.identity.state]);
      await makeFolders(scene);
      await makeBridge(scene.plan);
      return scene;
    } catch (error) {
      await scene.keeper.release();
      if (!(error instanceof AddressesTaken)) throw error;
    }
  }
}

async function build(scene: Scene, options: ClusterOptions, forwarders: Forwarder[]): Promise<Cluster> {
  await allowWatches();
  const { plan } = scene;
  const apiServer = startApiServerIn(scene, plan.host, []);
  // Both run for seconds on their own: the one that fails second must not be an unhandled rejection.
  const registry = options.registry === undefined ? startRegistry(scene) : Promise.resolve(options.registry);
  const [parts, registryUrl] = await Promise.all([apiServer, registry]);
  await pushProgram(scene, registryUrl, sandboxReference, scene.programs.pause);
  const registries = new Map<string, string>();
  for (const [name, url] of [["_default", registryUrl] as const, ...Object.entries(options.registries ?? {})]) {
    const forwarder = await forward(plan.host, url);
    forwarders.push(forwarder);
    registries.set(name, forwarder.url);
  }
  scene.say("registry, with the sandbox's image");

  await parts.pki.writeKubeconfig("kube-proxy", { commonName: "system:kube-proxy" });
  await startControllers(scene, parts, options.nodeMonitorGraceSeconds ?? 12);
  await startDns(scene, parts);
  const machines: Machine[] = [];
  const surroundings: MachineSurroundings = {
    scene,
    pki: parts.pki,
    registries,
    sandboxImage: `sandbox.invalid/${sandboxReference}`,
    all: () => machines.map((machine) => machine.plan),
  };
  const cluster = face(scene, parts, surroundings, machines, registryUrl, forwarders);
  const nodes = options.nodes ?? 2;
  for (let node = 0; node < nodes; node += 1)
    machines.push(await newMachine(surroundings, machines.length + 1, options));
  for (const machine of machines) {
    await machine.powerOn();
    await machine.join();
    scene.say(`${machine.plan.name} joins`);
  }
  for (const machine of machines) await cluster.waitFor(`node/${machine.plan.name}`, "condition=Ready");
  await cluster.waitFor("serviceaccount/default", "create");
  await dnsReady(scene, parts);
  scene.say(`cluster ${scene.identity.id} is up`);
  return cluster;
}

function newMachine(surroundings: MachineSurroundings, number: number, options: NodeOptions): Promise<Machine> {
  return makeMachine(surroundings, planNode(surroundings.scene.identity.id, surroundings.scene.plan, number), options);
}

function face(
  scene: Scene,
  parts: ApiServerParts,
  surroundings: MachineSurroundings,
  machines: Machine[],
  registry: string,
  forwarders: readonly Forwarder[],
): Cluster {
  const { api } = parts;
  const machine = (name: string): Machine => {
    const found = machines.find(({ plan }) => plan.name === name);
    if (found === undefined)
      throw new Error(`there is no node ${name}; there are ${machines.map(({ plan }) => plan.name).join(", ")}`);
    return found;
  };
  const waitFor = async (resource: string, condition: string, how: WaitOptions = {}): Promise<void> => {
    const where = how.namespace === undefined ? [] : ["--namespace", how.namespace];
    const ask = ["wait", ...where, resource, `--for=${condition}`, "--timeout=5s"];
    await until(
      `${resource} to have ${condition}`,
      // Neither there yet nor in that condition: both are asked again.
      () =>
        api.kubectl(ask).then(
          () => true,
          () => false,
        ),
      {
        ...(how.timeoutMs === undefined ? {} : { limitMs: how.timeoutMs }),
        state: () => api.kubectl(["describe", ...where, resource]),
      },
    );
  };
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= close(scene, forwarders));
  return {
    ...api,
    hostAddress: scene.plan.host,
    registry,
    get nodes() {
      return machines.map((one) => one.face);
    },
    node: (name) => machine(name).face,
    async addNode(options = {}) {
      const added = await newMachine(surroundings, machines.length + 1, options);
      machines.push(added);
      await added.powerOn();
      for (const { face } of machines) {
        if (face.pid !== undefined && face !== added.face) await learnRoute(face.pid, added.plan);
      }
      await added.join();
      await waitFor(`node/${added.plan.name}`, "condition=Ready");
      return added.face;
    },
    killNode: (name) => machine(name).cutPower(),
    async startNode(name) {
      const one = machine(name);
      if (one.face.running) throw new Error(`${name} is on already`);
      await one.powerOn();
      await one.join();
    },
    helm: (parameters, how) => parts.runWith(scene.programs.helm, parameters, how),
    waitFor,
    pushProgram: (reference, program) => pushProgram(scene, registry, reference, program),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Each kubelet and containerd watches files; Debian's 128 watches for a user are used up by a few of them. */
async function allowWatches(): Promise<void> {
  const file = "/proc/sys/fs/inotify/max_user_instances";
  if (Number(await readFile(file, "utf8")) < 1024) await writeFile(file, "1024");
}
