import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  blockOf,
  eligibilityOf,
  extendedUntil,
  judgeTags,
  parseRetentionClass,
  standardClass,
  type ManifestFacts,
} from "./index.ts";

const bare: ManifestFacts = {
  createdAt: 1000,
  class: standardClass,
  expiresAt: undefined,
  leasedUntil: 0,
  holds: [],
  pins: [],
  tags: [],
  untaggedAt: undefined,
  indexes: [],
  subject: undefined,
  orphanOf: undefined,
};
const hold = { name: "case-7", holder: "legal", why: "a lawsuit" };
const ci = { name: "ci", lifetimeMs: 1000, longestMs: 5000, untaggedMs: 500, locked: true };

describe("eligibility", () => {
  it("says in one sentence what keeps a manifest, the strongest reason first", () => {
    const all = {
      ...bare,
      holds: [hold],
      pins: [{ name: "web", holder: "manager", why: "revision 7 runs this" }],
      leasedUntil: 5000,
      indexes: ["sha256:i"],
      expiresAt: 9000,
      tags: ["v1", "latest"],
      subject: "sha256:s",
    };
    const weaker: ManifestFacts[] = [
      all,
      { ...all, holds: [] },
      { ...all, holds: [], pins: [] },
      { ...all, holds: [], pins: [], leasedUntil: 0 },
      { ...all, holds: [], pins: [], leasedUntil: 0, indexes: [] },
      { ...all, holds: [], pins: [], leasedUntil: 0, indexes: [], expiresAt: undefined },
      { ...all, holds: [], pins: [], leasedUntil: 0, indexes: [], expiresAt: undefined, tags: [] },
      bare,
    ];
    expect(weaker.map((facts) => eligibilityOf(facts, 2000).sentence)).toEqual([
      "kept because it is held by legal (case-7: a lawsuit)",
      "kept because it is pinned by manager (web: revision 7 runs this)",
      "kept because it was pushed or asked for lately, and is safe until 1970-01-01T00:00:05.000Z",
      "kept because it is named by index sha256:i",
      "kept because class standard and its extensions keep it until 1970-01-01T00:00:09.000Z",
      "kept because it has tag v1 and 1 more",
      "kept because it is about sha256:s, which is there",
      "kept because class standard keeps untagged manifests",
    ]);
  });

  it("says since when a manifest may go, and why", () => {
    expect(eligibilityOf({ ...bare, expiresAt: 1500, tags: ["v1"] }, 2000)).toMatchObject({
      because: "expired",
      since: 1500,
    });
    expect(eligibilityOf({ ...bare, orphanOf: "sha256:i" }, 2000).sentence).toBe(
      "may go since 1970-01-01T00:00:01.000Z because sha256:i, with which it went, was deleted",
    );
    expect(eligibilityOf({ ...bare, class: ci, untaggedAt: 1400 }, 1900)).toMatchObject({
      verdict: "may-go",
      since: 1900,
    });
    expect(eligibilityOf({ ...bare, class: ci, untaggedAt: 1400 }, 1899)).toMatchObject({
      verdict: "kept",
      until: 1900,
    });
  });

  it("changes by itself only at the time it names, and never lets go of what is held, pinned, leased or in an index", () => {
    const facts: fc.Arbitrary<ManifestFacts> = fc.record({
      createdAt: fc.nat(100),
      class: fc.constantFrom(standardClass, ci),
      expiresAt: fc.option(fc.nat(200), { nil: undefined }),
      leasedUntil: fc.nat(200),
      holds: fc.constantFrom([], [hold]),
      pins: fc.constantFrom([], [hold]),
      tags: fc.constantFrom([], ["v1"]),
      untaggedAt: fc.option(fc.nat(200), { nil: undefined }),
      indexes: fc.constantFrom([], ["sha256:i"]),
      subject: fc.constantFrom(undefined, "sha256:s"),
      orphanOf: fc.constantFrom(undefined, "sha256:o"),
    });
    fc.assert(
      fc.property(facts, fc.nat(300), fc.nat(1000), (given, now, later) => {
        const answer = eligibilityOf(given, now);
        const blocked = given.holds.length + given.pins.length + given.indexes.length > 0 || given.leasedUntil > now;
        expect(!blocked || answer.verdict === "kept").toBe(true);
        const until = answer.verdict === "kept" ? (answer.until ?? Number.MAX_SAFE_INTEGER) : Number.MAX_SAFE_INTEGER;
        expect(now + later >= until || eligibilityOf(given, now + later).verdict === answer.verdict).toBe(true);
      }),
    );
  });

  it("a hold blocks people, too, and so does a locked class until the expiry", () => {
    expect(blockOf({ ...bare, holds: [hold] }, 0)).toContain("held by legal");
    expect(blockOf({ ...bare, pins: [hold] }, 0)).toContain("pinned by legal");
    expect(blockOf({ ...bare, class: ci, expiresAt: 2000 }, 1999)).toContain("class ci is locked");
    expect(blockOf({ ...bare, class: ci, expiresAt: 2000 }, 2000)).toBeUndefined();
    expect(blockOf({ ...bare, tags: ["v1"] }, 0)).toBeUndefined();
  });
});

describe("classes and extensions", () => {
  it("refuses a class that contradicts itself", () => {
    for (const bad of [
      { ...ci, name: "Bad Name" },
      { ...ci, lifetimeMs: -1 },
      { ...ci, lifetimeMs: 6000 },
      { ...ci, lifetimeMs: null },
      { ...ci, lifetimeMs: null, longestMs: null },
      { ...ci, untaggedMs: 0.5 },
    ]) {
      expect(() => parseRetentionClass(bad)).toThrow(expect.objectContaining({ code: "RETENTION_INVALID" }));
    }
    expect(parseRetentionClass(ci)).toEqual(ci);
  });

  it("moves an expiry later only, within the class's limit", () => {
    const manifest = { createdAt: 1000, expiresAt: 2000, class: ci };
    expect(extendedUntil(manifest, 6000)).toBe(6000);
    expect(extendedUntil(manifest, 1500)).toBe(2000);
    expect(() => extendedUntil(manifest, 6001)).toThrow("at most");
    expect(() => extendedUntil({ ...manifest, expiresAt: undefined }, 3000)).toThrow("no expiry");
    expect(() => extendedUntil(manifest, Number.NaN)).toThrow("milliseconds");
  });
});

describe("tag rules", () => {
  const tags = [
    { name: "v1.0", updatedAt: 10, usedAt: 900 },
    { name: "v1.1", updatedAt: 20, usedAt: 20 },
    { name: "pr-7", updatedAt: 30, usedAt: 30 },
    { name: "pr-8", updatedAt: 40, usedAt: 40 },
  ];
  const kept = (rules: Parameters<typeof judgeTags>[1]): string[] =>
    judgeTags(tags, rules, 1000).flatMap((verdict) => (verdict.kept ? [verdict.name] : []));

  it("keep what any rule keeps, and everything where there is none", () => {
    expect(kept({})).toEqual(["v1.0", "v1.1", "pr-7", "pr-8"]);
    expect(kept({ last: 1 })).toEqual(["pr-8"]);
    expect(kept({ matching: ["v1.*"] })).toEqual(["v1.0", "v1.1"]);
    expect(kept({ usedWithinMs: 100 })).toEqual(["v1.0"]);
    expect(kept({ last: 1, matching: ["*.1"], usedWithinMs: 100 })).toEqual(["v1.0", "v1.1", "pr-8"]);
    expect(kept({ last: 0 })).toEqual([]);
  });

  it("match as the same pattern written as a regular expression does, in time that no pattern blows up", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 8, minLength: 1 });
    fc.assert(
      fc.property(text, text, (pattern, name) => {
        const expected = new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(name);
        const [verdict] = judgeTags([{ name, updatedAt: 0, usedAt: 0 }], { matching: [pattern] }, 0);
        expect(verdict?.kept).toBe(expected);
      }),
    );
    const name = "a".repeat(128);
    expect(judgeTags([{ name, updatedAt: 0, usedAt: 0 }], { matching: [`${"*a".repeat(60)}*b`] }, 0)[0]?.kept).toBe(
      false,
    );
  });

  it("refuses numbers and patterns that cannot be", () => {
    for (const rules of [{ last: -1 }, { usedWithinMs: Number.NaN }, { matching: [""] }]) {
      expect(() => judgeTags(tags, rules, 0)).toThrow(expect.objectContaining({ code: "RETENTION_INVALID" }));
    }
  });
});
