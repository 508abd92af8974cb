/**
 * Moving a store's blobs from one place to another while it serves. `movingBackend` (in `blobs`) makes the two places one;
 * `Relocation` copies, verifies, and says when the old place has nothing that the new one has not.
 */
export { Relocation, type RelocationOptions, type RelocationProgress, type RelocationResult } from "./relocation.ts";
export { takeOverStage } from "./take-over.ts";
