import type { ManifestFacts } from "./eligibility.ts";

/** Why a manifest must not be deleted even by somebody who may; undefined when nothing is in the way. */
export function blockOf(facts: ManifestFacts, now: number): string | undefined {
  const [reason] = [...facts.holds, ...facts.pins];
  if (reason !== undefined) {
    const word = facts.holds.length > 0 ? "held" : "pinned";
    return `it is ${word} by ${reason.holder} (${reason.name}: ${reason.why}); that has to end first`;
  }
  if (facts.class.locked && facts.expiresAt !== undefined && facts.expiresAt > now) {
    return `class ${facts.class.name} is locked: nobody may delete it before ${new Date(facts.expiresAt).toISOString()}`;
  }
  return undefined;
}
