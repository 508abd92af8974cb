/**
 * Makes `recordings/demo.jsonl`: two images that share layers, pulled at once by a real containerd through a slow link,
 * as the agent reported it. Run by hand as root: `node pulltrace/src/testing/record-demo.ts`.
 */
import { rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { silentLogger } from "@waybill/foundation/testing";
import { startAgent } from "../agent/index.ts";
import { recordReports } from "../recording/index.ts";
import { startContainerd } from "./containerd.ts";
import { rateLimitedProxy } from "./proxy.ts";
import { startMadeRegistry } from "./registry.ts";
import { startReportReceiver } from "./report-receiver.ts";

const MiB = 1024 * 1024;
const host = "registry.waybill.example";
const system = { seed: 1, bytes: 14 * MiB };
const runtime = { seed: 2, bytes: 9 * MiB };
const file = fileURLToPath(new URL("../../recordings/demo.jsonl", import.meta.url));

await using stack = new AsyncDisposableStack();
const registry = stack.adopt(await startMadeRegistry(), (one) => one.close());
registry.add(
  "acme/shop",
  "1.4.2",
  [system, runtime, { seed: 3, bytes: 18 * MiB }, { seed: 4, bytes: 2 * MiB }, { seed: 5, bytes: 5 * MiB }],
  { index: true },
);
registry.add("globex/billing", "2026.11", [system, runtime, { seed: 6, bytes: 11 * MiB }, { seed: 7, bytes: MiB }]);
const target = { host: "127.0.0.1", port: registry.port };
const proxy = stack.adopt(await rateLimitedProxy({ target, bytesPerSecond: 2.5 * MiB }), (one) => one.close());
const containerd = stack.adopt(await startContainerd(), (one) => one.close());
await containerd.serveHost(host, `http://${proxy.address}`);

await rm(file, { force: true });
const recording = await recordReports(file, {
  note: "Two images that share two layers, pulled at once by containerd through a link of 2.5 MiB/s.",
});
const receiver = stack.adopt(await startReportReceiver({ onReport: (report) => void recording.take(report) }), (one) =>
  one.close(),
);
const agent = await startAgent({
  nodeName: "node-1",
  serverUrl: receiver.url,
  containerdSocket: containerd.socket,
  allowedSockets: [containerd.socket],
  reportIntervalMs: 1_000,
  log: silentLogger(),
});
await delay(1_200);
const shop = containerd.pull(`${host}/acme/shop:1.4.2`, { maxConcurrentDownloads: 3 });
await delay(4_000);
const billing = containerd.pull(`${host}/globex/billing:2026.11`, { maxConcurrentDownloads: 3 });
await Promise.all([shop.finished, billing.finished]);
await delay(2_500);
await agent.close();
await recording.close();
