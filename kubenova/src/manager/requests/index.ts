/**
 * From an HTTP request to a call that is well-formed, allowed and made once, and back: checking against the operation's
 * schemas, the role table, idempotency keys, entity tags, pages. What a call does is given in as a function.
 */
export { changing, reading, type Answer, type EndpointParts } from "./endpoint.ts";
export { entityTagOf, requireMatch } from "./entity-tag.ts";
export { idempotencyHeader, keyLifetimeMs, replayedHeader } from "./idempotency-key.ts";
export { KeptAnswers } from "./kept-answers.ts";
export { pageAnswer, readPage, type PageRequest } from "./page.ts";
export { bodyLimit } from "./read-request.ts";
