/**
 * Collection: giving back the space of what nobody refers to, while everything else goes on. A change that takes a
 * reference away leaves a review; `planner` decides about one reviewed thing from plain facts; the collector asks it
 * inside the transaction that then acts. docs/adr/0008-collection-by-review.md lists the races and what prevents each.
 */
export { auditBlobs, type AuditFinding, type AuditProgress, type AuditResult } from "./audit.ts";
export { Collector, type CollectionProgress, type CollectionResult } from "./collector.ts";
export { parseSavedPlan, stepsMovedOn, type SavedPlan } from "./saved-plan.ts";
export { simulate, type Policy, type Simulation } from "./simulation.ts";
export { removeManifest } from "./manifest-removal.ts";
export { targetOfStep, type CollectionPlan, type CollectionStep } from "./step.ts";
export { Writing } from "./writing.ts";
