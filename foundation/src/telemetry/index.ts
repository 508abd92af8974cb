/**
 * What a running program tells about itself: structured log lines (pino) and Prometheus metrics (prom-client). In files
 * of their own, so that the bundle of a program without metrics has no prom-client: it loads TLS with its push gateway.
 */
export type { Logger } from "pino";
export { createLogger, type LoggerOptions } from "./logger.ts";
export { Counter, createRegistry, Gauge, Histogram, Registry } from "./metrics.ts";
