/** One look at containerd, as plain data: what the attribution judges and what a test can keep as a file. */
export type { ImageDocument, LayerDescriptor } from "./documents.ts";
export { fileClockTolerance, gridDistance } from "./file-clock.ts";
export type { Glance, NamespaceObservation, Observation, ObservedLease, Questions } from "./observation.ts";
export { createObserver, type Observer } from "./observer.ts";
