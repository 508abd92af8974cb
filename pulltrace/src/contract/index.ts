/**
 * The words of Pulltrace: what an agent reports, what a reader is told. Plain types, and the few rules on them that
 * server and page have to share; the agent stays small, and the page can import it.
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
export { type Delay, type PageWaits, sumWaits, type WaitedImage } from "./page-waits.ts";
export { isFailing, isOver, isRunning } from "./phases.ts";
export { pullEventTypes } from "./pull.ts";
export type { AgentReport, ReportedLayer, ReportedPull } from "./report.ts";
export { reportForms } from "./report-forms.ts";
export { registryOf, type Trouble } from "./troubles.ts";
export type { PodPart, PodReference, PullWait, PullWaitKind, WaitingPod, WaitingPodList } from "./waiting.ts";
