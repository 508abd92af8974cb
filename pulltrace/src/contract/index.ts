/**
 * The words of Pulltrace: what an agent reports, what a reader is told. Plain types without code, so that the agent
 * stays small and the page can import them.
 */
export type {
  CauseKind,
  ColdLayer,
  ColdStart,
  EstimateBasis,
  ImageList,
  ImageNode,
  ImageRollout,
  LayerWait,
  PullCause,
  TimeLeft,
} from "./answers.ts";
export { type Failure, type FailureCode, failureCodes } from "./failure.ts";
export type {
  LayerPhase,
  LayerStatus,
  NodeStatus,
  PullEvent,
  PullEventType,
  PullList,
  PullPhase,
  PullStatus,
} from "./pull.ts";
export type { PageSummary, PageUpdate, PullRow, PullRowChange } from "./page.ts";
export { streamHeartbeatMs } from "./page.ts";
export { pullEventTypes } from "./pull.ts";
export type { AgentReport, ReportedLayer, ReportedPull } from "./report.ts";
export type { PodPart, PodReference, PullWait, PullWaitKind, WaitingPod, WaitingPodList } from "./waiting.ts";
