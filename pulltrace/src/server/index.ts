/**
 * The server of Pulltrace: takes each node's reports, merges them into one picture of all running and recent pulls, and
 * tells it: as a list, as a stream of numbered events that a reader can resume, as log lines and as metrics. The rules
 * (merging, speed, silence, attribution to a tenant) are pure; the board holds the state, the routes are thin.
 */
export { createPullServer, type PullServer, type PullServerOptions } from "./server.ts";
export type { AgentIdentityOptions } from "./agent-identity.ts";
export type { ReportThread } from "./report-thread/index.ts";
export { watchPods, type PodSource, type PodWatchOptions } from "./pods/index.ts";
export type { ServerLimits } from "./limits.ts";
export { openPullState, type PullState, type PullStateOptions } from "./state/index.ts";
export type { TenantOf } from "./tenant.ts";
