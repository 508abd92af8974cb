import { flushCompileCache } from "node:module";
import type { Command } from "commander";
import { upSettings } from "../settings/index.ts";
import { closeOnSignal, logTo } from "../terminal/index.ts";
import { programVersion } from "../version/index.ts";
import { addSettings, settingsOf } from "./settings-options.ts";

const help = `
Examples:
  waybill up                                         http://127.0.0.1:8080, data in ./waybill-data
  waybill up --data /var/lib/waybill --no-agent
  KUBENOVA_REQUIRE_AUTH=true waybill up --http :8080 reachable from the network, with tokens
  DATABASE_URL=postgres://waybill@db/waybill waybill up
  waybill up --kubernetes ~/.kube/config             with the pods that wait for each pull

On loopback without authentication it is open, and says so. On any other address it needs KUBENOVA_REQUIRE_AUTH=true,
JWT_SIGNING_KEY, or --allow-open. Ctrl-C lets running requests finish, then ends; a second Ctrl-C ends at once.
`;

export function configure(command: Command): void {
  addSettings(command, upSettings);
  command.addHelpText("after", help).action(async (options: Record<string, unknown>) => {
    const settings = settingsOf(upSettings, options);
    const [{ startWaybill }, { exposureNote }, { createLogger }] = await Promise.all([
      import("../assembly/index.ts"),
      import("../service/index.ts"),
      import("@waybill/foundation/telemetry"),
    ]);
    const destination = logTo(process.stdout, settings.logFormat);
    const logger = (name: string) => createLogger({ level: settings.logLevel, name, destination });
    const log = logger("waybill");
    const running = await startWaybill({ settings, version: programVersion, logger });
    log.info(exposureNote(running.exposure));
    if (!running.page) log.warn("the page is not built, only the API answers; run: make setup");
    if (running.agent.kind === "off") log.info(`no agent: ${running.agent.reason}`);
    else
      log.info(
        { node: running.agent.nodeName, socket: running.agent.socket },
        "agent watches this machine's containerd",
      );
    log.info({ url: running.url, metrics: running.metricsUrl, data: running.dataFolder }, "ready");
    // Node keeps what it compiled for the next start when it ends; one that is killed would not.
    flushCompileCache();
    await closeOnSignal(log, () => running.close());
  });
}
