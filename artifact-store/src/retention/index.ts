/**
 * Why a manifest is kept, or since when it may go, and which tags a rule keeps. Pure: facts in, one sentence and data out.
 * The same function answers a person who asks, the plan of a collection, and the transaction that deletes.
 */
export { eligibilityOf, type Eligibility, type ManifestFacts, type NamedReason } from "./eligibility.ts";
export { blockOf } from "./block.ts";
export { parseRetentionClass, standardClass, type RetentionClass } from "./retention-class.ts";
export { extendedUntil } from "./extension.ts";
export { judgeTags, judgeTagsByAll, matchesPattern, type TagRules, type TagVerdict } from "./tag-rules.ts";
