/**
 * Manifests as documents: from bytes to what they say, or to an error that tells what is wrong where. Pure; whether the
 * content they name exists is the store's question.
 */
export { mediaTypes, parseMediaType } from "./media-type.ts";
export { manifestLimitBytes, parseManifest, type Descriptor } from "./manifest.ts";
export { referrerDescriptor, type ReferrerDescriptor } from "./referrer.ts";
export { contentsOf, type ManifestContents, type ManifestPart } from "./contents.ts";
