/** What made a pull fail, in one word: what a page counts by and a rule selects. */
export const failureCodes = [
  "not-found",
  "unauthorized",
  "certificate",
  "name-resolution",
  "timeout",
  "connection",
  "rate-limited",
  "no-space",
  "digest-mismatch",
  "platform-missing",
  "invalid-name",
  "cancelled",
  "server-error",
  "unknown",
] as const;
export type FailureCode = (typeof failureCodes)[number];

/** Why a pull failed, in words for a person. */
export interface Failure {
  readonly code: FailureCode;
  /** What happened, with the host where the message names one. */
  readonly sentence: string;
  /** What to do about it, one sentence. */
  readonly advice: string;
  /** RFC 3339: the registry takes requests again; only when the message says so. */
  readonly retryAt?: string;
}
