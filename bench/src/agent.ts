/**
 * The agent's memory and processor time on a real containerd: idle, and while two images are pulled. Run as the bundle
 * that would ship (one file, no type stripping), with Node's memory held small. Nothing here passes or fails.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import { temporaryFolder } from "@waybill/foundation/testing";
import { rateLimitedProxy, startContainerd, startMadeRegistry } from "@waybill/pulltrace/testing";
import { processFigures } from "./process-figures.ts";

const seconds = Number(process.env["BENCH_SECONDS"] ?? 30);
const mebibyte = 1024 * 1024;
const small = ["--max-semi-space-size=1", "--max-old-space-size=24", "--optimize-for-size", "--v8-pool-size=0"];

await using stack = new AsyncDisposableStack();
const folder = stack.use(await temporaryFolder("waybill-bench-agent-"));
const bundle = join(folder.path, "agent.mjs");
await build({
  stdin: {
    contents: `
      import { startAgent } from "@waybill/pulltrace/agent";
      import { createLogger } from "@waybill/foundation/telemetry";
      const [serverUrl, containerdSocket] = process.argv.slice(2);
      await startAgent({ nodeName: "bench", serverUrl, containerdSocket, allowedSockets: [containerdSocket],
        reportIntervalMs: 1000, log: createLogger({ level: "error", name: "agent" }) });`,
    resolveDir: import.meta.dirname,
  },
  outfile: bundle,
  bundle: true,
  platform: "node",
  format: "esm",
  minify: true,
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
});

const registry = stack.adopt(await startMadeRegistry(), (made) => made.close());
const images = [1, 2].map((image) =>
  registry.add(
    `team/image-${image}`,
    "1",
    Array.from({ length: 10 }, (_, layer) => ({ seed: image * 100 + layer, bytes: 4 * mebibyte })),
  ),
);
const link = stack.adopt(
  await rateLimitedProxy({
    target: { host: "127.0.0.1", port: registry.port },
    bytesPerSecond: (80 / (seconds + 10)) * mebibyte,
  }),
  (proxy) => proxy.close(),
);
const containerd = stack.adopt(await startContainerd(), (running) => running.close());
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

const agent = spawn(process.execPath, [...small, bundle, url, containerd.socket], { stdio: "inherit" });
stack.defer(async () => {
  agent.kill("SIGTERM");
  await once(agent, "exit");
});
const pid = agent.pid ?? 0;
await sleep(10_000);

async function measure(what: string): Promise<void> {
  const before = await processFigures(pid);
  await sleep(seconds * 1000);
  const after = await processFigures(pid);
  const load = ((after.cpuSeconds - before.cpuSeconds) / seconds) * 100;
  console.log(
    `| ${what} | ${after.residentMiB.toFixed(0)} MiB | ${after.peakMiB.toFixed(0)} MiB | ${load.toFixed(2)} % |`,
  );
}

console.log("| agent | RSS | peak RSS | of one core |");
console.log("| --- | ---: | ---: | ---: |");
await measure("idle");
const pulls = images.map(({ reference }) => containerd.pull(reference.replace(/^[^/]+/, link.address)));
await measure("two images of 10 layers are pulled");
for (const pull of pulls) pull.abort("SIGTERM");
await Promise.all(pulls.map((pull) => pull.finished));
