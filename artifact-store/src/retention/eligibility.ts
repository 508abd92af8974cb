import type { RetentionClass } from "./retention-class.ts";

/** A hold or a pin: who says why. */
export interface NamedReason {
  readonly name: string;
  readonly holder: string;
  readonly why: string;
}

/** All that decides about a manifest. Times are milliseconds since 1970. */
export interface ManifestFacts {
  readonly createdAt: number;
  readonly class: RetentionClass;
  readonly expiresAt: number | undefined;
  /** Until then somebody may rely on having been told that it is there. */
  readonly leasedUntil: number;
  readonly holds: readonly NamedReason[];
  readonly pins: readonly NamedReason[];
  readonly tags: readonly string[];
  /** When a tag last left it. */
  readonly untaggedAt: number | undefined;
  /** Digests of indexes of its repository that name it. */
  readonly indexes: readonly string[];
  /** The digest of its subject, when that is in the repository. */
  readonly subject: string | undefined;
  /** The index or subject that it went with, and that was deleted. */
  readonly orphanOf: string | undefined;
}

type KeptBecause = "held" | "pinned" | "leased" | "in-index" | "not-expired" | "tagged" | "has-subject" | "untagged";
type GoesBecause = "expired" | "orphaned" | "untagged";

export type Eligibility =
  | {
      readonly verdict: "kept";
      readonly because: KeptBecause;
      /** When the answer may be another one by itself; undefined: only when somebody does something. */
      readonly until: number | undefined;
      readonly sentence: string;
    }
  | {
      readonly verdict: "may-go";
      readonly because: GoesBecause;
      readonly since: number;
      readonly sentence: string;
    };

function time(at: number): string {
  // Beyond what a date can say, it is for ever.
  return at > 8.64e15 ? "the end of time" : new Date(at).toISOString();
}

function kept(because: KeptBecause, reason: string, until?: number): Eligibility {
  return { verdict: "kept", because, until, sentence: `kept because ${reason}` };
}

function mayGo(because: GoesBecause, since: number, reason: string): Eligibility {
  return { verdict: "may-go", because, since, sentence: `may go since ${time(since)} because ${reason}` };
}

function listed(names: readonly string[], what: string): string {
  const [first = ""] = names;
  return names.length === 1 ? `${what} ${first}` : `${what} ${first} and ${names.length - 1} more`;
}

function said(word: string, reasons: readonly NamedReason[]): string {
  const [first] = reasons;
  const more = reasons.length > 1 ? `, and ${reasons.length - 1} more` : "";
  return `it is ${word} by ${first?.holder ?? ""} (${first?.name ?? ""}: ${first?.why ?? ""})${more}`;
}

/**
 * Whether a manifest may be deleted by the store itself at `now`. In this order: what somebody said must stay; what others
 * rely on; its expiry, which also ends a tagged one; then tag, subject, and what the class says of the untagged.
 */
export function eligibilityOf(facts: ManifestFacts, now: number): Eligibility {
  const { expiresAt, class: rules } = facts;
  if (facts.holds.length > 0) return kept("held", said("held", facts.holds));
  if (facts.pins.length > 0) return kept("pinned", said("pinned", facts.pins));
  if (facts.leasedUntil > now) {
    return kept(
      "leased",
      `it was pushed or asked for lately, and is safe until ${time(facts.leasedUntil)}`,
      facts.leasedUntil,
    );
  }
  if (facts.indexes.length > 0) return kept("in-index", `it is named by ${listed(facts.indexes, "index")}`);
  if (expiresAt !== undefined) {
    return expiresAt > now
      ? kept("not-expired", `class ${rules.name} and its extensions keep it until ${time(expiresAt)}`, expiresAt)
      : mayGo("expired", expiresAt, `class ${rules.name} and its extensions kept it until then`);
  }
  if (facts.tags.length > 0) return kept("tagged", `it has ${listed(facts.tags, "tag")}`);
  if (facts.subject !== undefined) return kept("has-subject", `it is about ${facts.subject}, which is there`);
  const since = Math.max(facts.createdAt, facts.untaggedAt ?? 0);
  if (facts.orphanOf !== undefined)
    return mayGo("orphaned", since, `${facts.orphanOf}, with which it went, was deleted`);
  if (rules.untaggedMs === null) return kept("untagged", `class ${rules.name} keeps untagged manifests`);
  const until = since + rules.untaggedMs;
  return until > now
    ? kept("untagged", `class ${rules.name} keeps untagged manifests until ${time(until)}`, until)
    : mayGo("untagged", until, `it has no tag, and class ${rules.name} kept it until then`);
}
