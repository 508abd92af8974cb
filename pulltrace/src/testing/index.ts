/** For tests only: a containerd of one's own, a slow link, a small registry of made images. */
export {
  containerdMissing,
  type PullOptions,
  type RunningContainerd,
  type RunningPull,
  startContainerd,
} from "./containerd.ts";
export { type ContainerdProgram, containerdPrograms } from "./containerd-programs.ts";
export { type ProvokedFailure, provokeFailures } from "./failures.ts";
export { type RateLimitedProxy, rateLimitedProxy } from "./proxy.ts";
export { type Fault, type RegistryProxy, startRegistryProxy } from "./registry-proxy.ts";
export { type ReportReceiver, startReportReceiver, type TakenReport } from "./report-receiver.ts";
export { type MadeImage, type MadeLayer, type MadeRegistry, startMadeRegistry } from "./registry.ts";
