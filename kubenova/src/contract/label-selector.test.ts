import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseLabelSelector, selects, type LabelRequirement } from "./label-selector.ts";

function requirements(text: string): readonly LabelRequirement[] {
  const parsed = parseLabelSelector(text);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.requirements;
}

describe("a label selector", () => {
  it.each([
    ["", []],
    ["   ", []],
    ["tier=gold", [{ key: "tier", operator: "in", values: ["gold"] }]],
    ["tier==gold", [{ key: "tier", operator: "in", values: ["gold"] }]],
    ["tier = gold", [{ key: "tier", operator: "in", values: ["gold"] }]],
    ["tier!=gold", [{ key: "tier", operator: "notIn", values: ["gold"] }]],
    ["tier=", [{ key: "tier", operator: "in", values: [""] }]],
    ["tier", [{ key: "tier", operator: "exists" }]],
    ["!tier", [{ key: "tier", operator: "notExists" }]],
    ["tier in (gold,silver)", [{ key: "tier", operator: "in", values: ["gold", "silver"] }]],
    ["tier in (gold,)", [{ key: "tier", operator: "in", values: ["gold", ""] }]],
    ["tier notin ( gold , silver )", [{ key: "tier", operator: "notIn", values: ["gold", "silver"] }]],
    ["in in (in)", [{ key: "in", operator: "in", values: ["in"] }]],
    [
      "acme.example/team=a,b!=c,!d",
      [
        { key: "acme.example/team", operator: "in", values: ["a"] },
        { key: "b", operator: "notIn", values: ["c"] },
        { key: "d", operator: "notExists" },
      ],
    ],
  ])("reads %j as Kubernetes does", (text, expected) => {
    expect(requirements(text)).toEqual(expected);
  });

  it.each([
    ",",
    "a=b,",
    "a=b c=d",
    "a in b",
    "a in (b",
    "a within (b)",
    "=b",
    "!",
    "!a=b",
    "a===b",
    "a>1",
    "-a=b",
    "a=-b",
    "a=b\u0000",
    "a='b'",
    `${"a".repeat(64)}=b`,
    `a=${"b".repeat(64)}`,
    "/a=b",
    "A_b/c=d",
    Array.from({ length: 17 }, (_, i) => `k${i}=v`).join(","),
    `a in (${Array.from({ length: 65 }, (_, i) => `v${i}`).join(",")})`,
    `a=${" ".repeat(3000)}b`,
  ])("refuses %j with a reason", (text) => {
    const parsed = parseLabelSelector(text);
    expect(parsed).toMatchObject({ ok: false, message: expect.stringMatching(/./u) });
  });

  it("never throws, whatever it is given", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string({ unit: fc.constantFrom("a", "b", "/", ".", "-", "=", "!", ",", "(", ")", " ", "in", "notin") }),
        ),
        (text) => {
          const parsed = parseLabelSelector(text);
          expect(typeof parsed.ok).toBe("boolean");
        },
      ),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["tier=gold", true],
    ["tier!=gold", false],
    ["absent!=gold", true],
    ["absent notin (gold)", true],
    ["absent in (gold)", false],
    ["absent=", false],
    ["empty=", true],
    ["tier,empty,!absent", true],
    ["tier in (silver,gold)", true],
    ["constructor", false],
  ])("%s selects {tier: gold, empty: ''}: %s", (text, expected) => {
    expect(selects(requirements(text), { tier: "gold", empty: "" })).toBe(expected);
  });
});
