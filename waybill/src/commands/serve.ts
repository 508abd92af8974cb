import { flushCompileCache } from "node:module";
import type { LogLevel } from "@waybill/foundation/config";
import { createLogger, type Logger } from "@waybill/foundation/telemetry";
import { exposureNote, type RunningService } from "../service/index.ts";
import { closeOnSignal, logTo, type LogFormat } from "../terminal/index.ts";

/** Runs one service until SIGINT or SIGTERM. */
export async function serve(
  name: string,
  settings: { readonly logLevel: LogLevel; readonly logFormat: LogFormat },
  start: (log: Logger) => Promise<RunningService>,
): Promise<void> {
  const log = createLogger({ level: settings.logLevel, name, destination: logTo(process.stdout, settings.logFormat) });
  const running = await start(log);
  log.info(exposureNote(running.exposure));
  log.info({ url: running.url, metrics: running.metricsUrl }, "ready");
  // Node keeps what it compiled for the next start when it ends; one that is killed would not.
  flushCompileCache();
  await closeOnSignal(log, () => running.close());
}
