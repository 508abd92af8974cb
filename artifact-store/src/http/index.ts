/**
 * The OCI door: `/v2/` as the OCI Distribution Spec 1.1 has it, and the store's `/events`. Thin: a handler reads the
 * request, asks the store, and shapes the answer; each cites its section. Bytes go between Node's own streams and the
 * store, at the speed of the slower side.
 */
export { registryGroups, type RegistryOptions } from "./registry.ts";
export type { TokenSource } from "./token.ts";
export {
  detailsOf,
  listingOf,
  planOf,
  recordOf,
  rulesOf,
  tombstoneOf,
  uploadOf,
  verdictOf,
  type EligibilityVerdict,
  type ManifestDetails,
  type ManifestListing,
  type RetentionClassRules,
  type RetentionRecord,
  type TombstoneListing,
  type UploadListing,
} from "./answers.ts";
export { answerOf as packageOf } from "./packages.ts";
export { deadLetterOf, webhookOf } from "./webhooks.ts";
export { parsePolicy, simulationOf, tagPolicyOf } from "./policy-schemas.ts";
