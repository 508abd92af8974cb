/** One look at containerd, as plain data: what the attribution judges and what a test can keep as a file. */
export { chainIds, type ImageDocument, isDigest, type LayerDescriptor, readDocument } from "./documents.ts";
export {
  type NamespaceObservation,
  noQuestions,
  type Observation,
  type ObservedLease,
  type Questions,
} from "./observation.ts";
export { createObserver, type Observer } from "./observer.ts";
