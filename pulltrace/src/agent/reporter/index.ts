/** Takes reports to the server: the newest one wins, an outage is waited for with growing, spread pauses. */
export { backOffMs, reportBackOff } from "./back-off.ts";
export { createReporter } from "./reporter.ts";
