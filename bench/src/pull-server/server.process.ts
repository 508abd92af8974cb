/**
 * The pull server as the chart runs it, with an address of their own for agents, and without the page. Tells its ports.
 * `BENCH_REPORTS=shared` has agents report to the address of all.
 */
import { openAuthenticator } from "@waybill/foundation/auth";
import { createApp, healthGroup, startServer } from "@waybill/foundation/http";
import { createLogger, createRegistry } from "@waybill/foundation/telemetry";
import { createPullServer } from "@waybill/pulltrace/server";

const log = createLogger({ level: "warn", name: "pulltrace-server" });
const registry = createRegistry({ processMetrics: true });
const server = createPullServer({ historyTtlMs: 1_800_000, log, registry });
const app = createApp({
  groups: [server.group, healthGroup([server.health])],
  authenticator: openAuthenticator(),
  log,
  registry,
});
const running = await startServer({ app, address: { host: "127.0.0.1", port: 0 }, log });
const reports =
  process.env["BENCH_REPORTS"] === "shared" ? undefined : await server.takeReportsAt({ host: "127.0.0.1", port: 0 });
process.send?.({ port: running.port, reportPort: reports?.port ?? running.port });
process.once("SIGTERM", () => {
  server.close();
  void Promise.all([running.close(), reports?.close()]).then(() => process.exit(0));
});
