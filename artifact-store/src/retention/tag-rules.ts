import { StoreError } from "../errors/index.ts";

/** A tag with what the rules ask about. Times are milliseconds since 1970. */
export interface TagFacts {
  readonly name: string;
  /** When it was last moved. */
  readonly updatedAt: number;
  /** When its manifest was last pushed or pulled. */
  readonly usedAt: number;
}

/** A tag that at least one of these keeps stays; without any rule all stay. */
export interface TagRules {
  /** The last N, by the time they were moved. */
  readonly last?: number;
  /** Names; `*` stands for any characters. */
  readonly matching?: readonly string[];
  readonly usedWithinMs?: number;
}

export interface TagVerdict {
  readonly name: string;
  readonly kept: boolean;
  readonly sentence: string;
}

/** Matches without going back over what was matched, except to the last `*`: time is at most the product of the lengths. */
export function matchesPattern(pattern: string, name: string): boolean {
  let p = 0;
  let n = 0;
  let star = -1;
  let from = 0;
  while (n < name.length) {
    if (p < pattern.length && pattern[p] === "*") {
      star = p++;
      from = n;
    } else if (p < pattern.length && pattern[p] === name[n]) {
      p++;
      n++;
    } else if (star >= 0) {
      p = star + 1;
      n = ++from;
    } else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}

function checked(rules: TagRules): TagRules {
  for (const number of [rules.last, rules.usedWithinMs]) {
    if (number !== undefined && (!Number.isSafeInteger(number) || number < 0)) {
      throw new StoreError("RETENTION_INVALID", "last and usedWithinMs are whole numbers, 0 or more");
    }
  }
  if (rules.matching?.some((pattern) => pattern === "" || pattern.length > 128) === true) {
    throw new StoreError("RETENTION_INVALID", "a pattern has 1 to 128 characters");
  }
  return rules;
}

/**
 * Verdicts under several rules at once: a tag that any of them keeps stays. Without any rules all stay.
 * @throws StoreError RETENTION_INVALID
 */
export function judgeTagsByAll(tags: readonly TagFacts[], rules: readonly TagRules[], now: number): TagVerdict[] {
  const [first = judgeTags(tags, {}, now), ...others] = rules.map((one) => judgeTags(tags, one, now));
  return first.map((verdict, index) =>
    verdict.kept ? verdict : (others.map((one) => one[index]).find((one) => one?.kept === true) ?? verdict),
  );
}

/**
 * One verdict for each tag, in the order of `tags`. Of tags moved at the same time the one with the greater name is later.
 * @throws StoreError RETENTION_INVALID
 */
export function judgeTags(tags: readonly TagFacts[], rules: TagRules, now: number): TagVerdict[] {
  const { last, matching, usedWithinMs } = checked(rules);
  const none = last === undefined && matching === undefined && usedWithinMs === undefined;
  const latest = new Set(
    tags
      .toSorted((a, b) => b.updatedAt - a.updatedAt || (a.name < b.name ? 1 : -1))
      .slice(0, last ?? 0)
      .map((tag) => tag.name),
  );
  const verdictOf = ({ name, usedAt }: TagFacts): TagVerdict => {
    if (none) return { name, kept: true, sentence: "kept because no rule says otherwise" };
    if (latest.has(name)) return { name, kept: true, sentence: `kept because it is one of the last ${last ?? 0}` };
    const pattern = matching?.find((one) => matchesPattern(one, name));
    if (pattern !== undefined) return { name, kept: true, sentence: `kept because it matches ${pattern}` };
    if (usedWithinMs !== undefined && now - usedAt <= usedWithinMs) {
      return { name, kept: true, sentence: `kept because it was used at ${new Date(usedAt).toISOString()}` };
    }
    return { name, kept: false, sentence: "may go because no rule keeps it" };
  };
  return tags.map(verdictOf);
}
