/** The pull server in a process of its own that tells what it holds. */
import { createHook } from "node:async_hooks";
import { setImmediate } from "node:timers/promises";
import { openAuthenticator } from "@waybill/foundation/auth";
import { createApp, healthGroup, startServer } from "@waybill/foundation/http";
import { createLogger, createRegistry } from "@waybill/foundation/telemetry";
import { createPullServer } from "@waybill/pulltrace/server";
import type { Holdings } from "./pull-soak.ts";

const timers = new Set<number>();
createHook({
  init(id, type) {
    if (type === "Timeout") timers.add(id);
  },
  destroy: (id) => void timers.delete(id),
}).enable();

const log = createLogger({ level: "warn", name: "pulltrace-server" });
const registry = createRegistry();
const server = createPullServer({
  historyTtlMs: 3_000,
  log,
  registry,
  // Full after some seconds, so that what grows later is a leak.
  limits: { ringEvents: 2_000, streamsPerClient: 1_000, requestsPerClient: 10_000 },
});
const app = createApp({
  groups: [server.group, healthGroup([server.health])],
  authenticator: openAuthenticator(),
  log,
  registry,
});
const running = await startServer({ app, address: { host: "127.0.0.1", port: 0 }, log });
const reports = await server.takeReportsAt({ host: "127.0.0.1", port: 0 });
const warnings: string[] = [];
process.on("warning", (warning) => warnings.push(String(warning)));

async function tellHoldings(): Promise<void> {
  // What a first collection finds dead outside the heap is given back by callbacks that run after it.
  for (let turn = 0; turn < 3; turn += 1) {
    globalThis.gc?.();
    await setImmediate();
  }
  const resources = process.getActiveResourcesInfo();
  const { heapUsed, rss, external } = process.memoryUsage();
  const holdings: Holdings = {
    heapBytes: heapUsed + external,
    residentBytes: rss,
    timers: timers.size,
    sockets: resources.filter((resource) => resource === "TCPSocketWrap").length,
    warnings,
  };
  process.send?.(holdings);
}

process.on("message", () => void tellHoldings());
process.send?.({ url: running.url, reportUrl: `http://127.0.0.1:${reports.port}` });
process.once("disconnect", () => process.exit(0));
