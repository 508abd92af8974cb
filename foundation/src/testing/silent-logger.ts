import { createLogger, type Logger } from "../telemetry/index.ts";

/** For code that logs, in tests where nobody reads it. */
export function silentLogger(): Logger {
  return createLogger({ level: "silent", name: "test" });
}
