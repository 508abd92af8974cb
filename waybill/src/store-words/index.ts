/** What people write on the command line of the store, read once and in one way: references, times, pages of lists. */
export { parseManifestTarget, parseTarget, targetText, type ManifestTarget, type Target } from "./reference.ts";
export { durationText, parseLifetime, parseTime } from "./time.ts";
export { readDocument, saveDocument } from "./document.ts";
export { allOf } from "./pages.ts";
