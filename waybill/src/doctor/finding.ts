/**
 * - `ok`: works.
 * - `warning`: Waybill runs, but something will hurt.
 * - `missing`: an extra (agent, tests) does not work here; the main job does not need it.
 * - `failed`: the main job, `waybill up`, cannot run.
 */
export type FindingStatus = "ok" | "warning" | "missing" | "failed";

export interface Finding {
  readonly name: string;
  readonly status: FindingStatus;
  /** What was seen. */
  readonly detail: string;
  /** What to do about it; absent when all is well. */
  readonly advice?: string;
}
