import pino, { type DestinationStream, type Logger } from "pino";
import type { LogLevel } from "../config/index.ts";

export interface LoggerOptions {
  readonly level: LogLevel | "silent";
  /** The part that speaks: `store`, `pulltrace-server`. */
  readonly name: string;
  /** Standard output when absent. */
  readonly destination?: DestinationStream;
}

/** JSON lines with RFC 3339 times. Anything called a token, password or authorization is struck out. */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level,
    base: { name: options.name },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: ["authorization", "token", "password", "cookie", "*.authorization", "*.token", "*.password", "*.cookie"],
      censor: "[secret]",
    },
  };
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination);
}
