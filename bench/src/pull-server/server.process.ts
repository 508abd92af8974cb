/** The pull server as `waybill pulltrace server` runs it, without the page. Prints its address. */
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
process.send?.({ port: running.port });
process.once("SIGTERM", () => {
  server.close();
  void running.close().then(() => process.exit(0));
});
