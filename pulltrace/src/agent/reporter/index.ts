/** Takes reports to the server: the newest one wins, an outage is waited for with growing, spread pauses. */
export { type BackOff, backOffMs, reportBackOff } from "./back-off.ts";
export { createReporter, type Reporter, type ReporterOptions } from "./reporter.ts";
