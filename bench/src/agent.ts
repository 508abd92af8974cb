/**
 * The agent's memory and processor time on a real containerd: idle, and while two and then ten images of ten layers are
 * pulled. Run as the bundle that ships, with the options of its image, in a memory cgroup of its own. With
 * `BENCH_OLDER_AGENT=FILE`, an agent of the older program, that one runs beside it and sees the same pulls. Nothing here
 * passes or fails.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { temporaryFolder } from "@waybill/foundation/testing";
import { containerdPrograms, rateLimitedProxy, startContainerd, startMadeRegistry } from "@waybill/pulltrace/testing";
import { agentRuntime } from "../../deploy/images/src/agent-runtime.ts";
import { bundleProgram } from "../../deploy/images/src/program-bundle.ts";
import { createMemoryCgroup } from "./memory-cgroup.ts";
import { processFigures } from "./process-figures.ts";

const seconds = Number(process.env["BENCH_SECONDS"] ?? 30);
const olderAgent = process.env["BENCH_OLDER_AGENT"] ?? "";
const mebibyte = 1024 * 1024;

await using stack = new AsyncDisposableStack();
const folder = stack.use(await temporaryFolder("waybill-bench-agent-"));
const bundle = join(folder.path, "agent.cjs");
await writeFile(bundle, (await bundleProgram("pulltrace-agent")).bytes);

const registry = stack.adopt(await startMadeRegistry(), (made) => made.close());
const images = Array.from({ length: 10 }, (_, image) =>
  registry.add(
    `team/image-${image}`,
    "1",
    Array.from({ length: 10 }, (_, layer) => ({ seed: image * 100 + layer, bytes: 4 * mebibyte })),
  ),
);
const link = stack.adopt(
  await rateLimitedProxy({
    target: { host: "127.0.0.1", port: registry.port },
    // Two images of 40 MiB last as long as they are measured, and all ten outlast the second measurement.
    bytesPerSecond: (80 / (seconds + 10)) * mebibyte,
  }),
  (proxy) => proxy.close(),
);
// The newest version that is here: what current Kubernetes ships.
const { programs } = await containerdPrograms();
const containerd = stack.adopt(await startContainerd(programs.at(-1)), (running) => running.close());
const server = spawn(
  process.execPath,
  [
    join(import.meta.dirname, "../../waybill/src/main.ts"),
    "pulltrace",
    "server",
    "--http-addr",
    "127.0.0.1:0",
    "--metrics-addr",
    "127.0.0.1:0",
  ],
  {
    stdio: ["ignore", "pipe", "inherit"],
  },
);
stack.defer(async () => {
  server.kill("SIGTERM");
  await once(server, "exit");
});
let printed = "";
server.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
while (!printed.includes('"msg":"ready"')) {
  if (server.exitCode !== null) throw new Error(`the server ended with exit code ${server.exitCode}`);
  await sleep(50);
}
const url = /"url":"([^"]+)"/.exec(printed)?.[1] ?? "";

interface MeasuredAgent {
  readonly name: string;
  readonly figures: () => ReturnType<typeof processFigures>;
  readonly workingSet: () => Promise<string>;
}

async function startAgent(
  name: string,
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<MeasuredAgent> {
  const group = stack.use(await createMemoryCgroup(`waybill-bench-${process.pid}-${agents.length}`));
  // The shell waits for a line, so that it becomes the agent inside of the group.
  const agent = spawn("sh", ["-c", 'read line && exec "$@"', "sh", ...command], {
    stdio: ["pipe", "ignore", "inherit"],
    env: {
      ...process.env,
      PULLTRACE_NODE_NAME: `bench-${agents.length}`,
      PULLTRACE_SERVER_URL: url,
      PULLTRACE_LOG_LEVEL: "error",
      ...environment,
    },
  });
  const ended = once(agent, "exit");
  stack.defer(async () => {
    agent.kill("SIGTERM");
    await ended;
  });
  const pid = agent.pid ?? 0;
  await group?.add(pid);
  agent.stdin.end("go\n");
  return {
    name,
    figures: () => processFigures(pid),
    workingSet: async () => (group === undefined ? "no cgroup" : `${(await group.workingSetMiB()).toFixed(0)} MiB`),
  };
}

const agents: MeasuredAgent[] = [];
agents.push(
  await startAgent("ours", [process.execPath, ...agentRuntime.nodeOptions, bundle], {
    ...Object.fromEntries(agentRuntime.environment.map((line) => line.split("="))),
    PULLTRACE_CONTAINERD_SOCKET: containerd.socket,
    PULLTRACE_ALLOWED_SOCKETS: containerd.socket,
  }),
);
if (olderAgent !== "") {
  // It takes sockets of this folder only.
  const socket = `/run/containerd/waybill-bench-${process.pid}.sock`;
  await mkdir("/run/containerd", { recursive: true });
  await symlink(containerd.socket, socket);
  stack.defer(() => unlink(socket));
  agents.push(await startAgent("older program", [olderAgent], { PULLTRACE_CONTAINERD_SOCKET: socket }));
}
await sleep(10_000);

async function measure(what: string): Promise<void> {
  const before = await Promise.all(agents.map((agent) => agent.figures()));
  await sleep(seconds * 1000);
  for (const [index, agent] of agents.entries()) {
    const after = await agent.figures();
    const load = ((after.cpuSeconds - (before[index]?.cpuSeconds ?? 0)) / seconds) * 100;
    const resident = `${after.residentMiB.toFixed(1)} MiB | ${after.peakMiB.toFixed(1)} MiB`;
    console.log(`| ${agent.name}, ${what} | ${resident} | ${await agent.workingSet()} | ${load.toFixed(2)} % |`);
  }
}

console.log(`containerd ${containerd.version}`);
console.log("| agent | RSS | peak RSS | working set | of one core |");
console.log("| --- | ---: | ---: | ---: | ---: |");
await measure("idle");
const pulling = (chosen: typeof images) =>
  chosen.map(({ reference }) =>
    // Of kubelet's namespace, since the older program looks at no other.
    containerd.pull(`${link.address}/${reference}`, { maxConcurrentDownloads: 3, namespace: "k8s.io" }),
  );
const two = pulling(images.slice(0, 2));
await measure("two images of 10 layers are pulled");
const more = pulling(images.slice(2));
await measure("ten images of 10 layers are pulled");
for (const pull of [...two, ...more]) pull.abort("SIGTERM");
await Promise.all([...two, ...more].map((pull) => pull.finished));
