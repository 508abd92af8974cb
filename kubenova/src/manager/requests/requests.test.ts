import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Problem } from "@waybill/foundation/errors";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { entityTagOf, ifMatchHolds, ifNoneMatchNames } from "./entity-tag.ts";
import { callerOf, canonicalJson, fingerprintOf, readIdempotencyKey } from "./idempotency-key.ts";
import { pointerOf } from "./read-request.ts";

/** What a call throws; fails the test when it throws nothing, or no problem. */
function problemOf(call: () => unknown): Problem {
  try {
    call();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

/** What a call gives, or the status of the problem that it throws. */
function attempt(call: () => string | undefined): string | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof Problem) return `refused with ${error.status}`;
    throw error;
  }
}

describe("a cursor", () => {
  const list = ["tenants", "c1", "tier=gold"];

  it("leads back to the name it was made of", () => {
    expect(decodeCursor(encodeCursor("acme", list), list)).toBe("acme");
    expect(decodeCursor(undefined, list)).toBeUndefined();
  });

  it("is refused for another list than its own", () => {
    const cursor = encodeCursor("acme", list);
    for (const other of [
      ["tenants", "c2", "tier=gold"],
      ["tenants", "c1", ""],
      ["tenants", "c1tier=gold"],
    ]) {
      expect(problemOf(() => decodeCursor(cursor, other)).status).toBe(400);
    }
  });

  it("is refused with 400 however it was altered", () => {
    const cursor = encodeCursor("acme", list);
    fc.assert(
      fc.property(
        fc.nat(cursor.length - 1),
        fc.constantFrom("A", "B", "x", "z", "0", "9", "-", "_"),
        fc.nat(cursor.length),
        (at, character, end) => {
          const altered = `${cursor.slice(0, at)}${character}${cursor.slice(at + 1)}`.slice(0, end);
          // What still reads as a cursor can only name another place of the same list.
          const outcome = attempt(() => decodeCursor(altered, list));
          expect(outcome).toMatch(/^([a-z0-9-]+|refused with 400)$/u);
        },
      ),
      { numRuns: 500 },
    );
    expect(problemOf(() => decodeCursor("e30", list)).status).toBe(400);
  });
});

describe("an entity tag", () => {
  const tag = entityTagOf({ a: 1 });

  it("is strong and changes with the representation", () => {
    expect(tag).toMatch(/^"[A-Za-z0-9_-]{24}"$/u);
    expect(entityTagOf({ a: 2 })).not.toBe(tag);
  });

  it.each([
    [tag, true],
    ["*", true],
    [` "x" , ${tag}`, true],
    [`W/${tag}`, false],
    ['"x"', false],
  ])("If-Match: %s holds: %s", (header, expected) => {
    expect(ifMatchHolds(header, tag)).toBe(expected);
  });

  it("If-None-Match compares weakly", () => {
    expect(ifNoneMatchNames(`W/${tag}`, tag)).toBe(true);
    expect(ifNoneMatchNames('"x"', tag)).toBe(false);
  });

  it.each(["", "x", tag.slice(1), '"a" "b"', '"a",', `"${"a".repeat(2000)}"`])("refuses %j with 400", (header) => {
    expect(problemOf(() => ifMatchHolds(header, tag)).status).toBe(400);
  });
});

describe("an idempotency key", () => {
  it.each(["a", "2f0f1f5e-1f5e-4a53-8b0e-0c9c8a1f5a11", '"quoted"', "~".repeat(200)])("may be %s", (key) => {
    expect(readIdempotencyKey(key)).toBe(key);
  });

  it.each(["", " ", "a b", "ä", "a\tb", "a".repeat(201)])("is never %j", (key) => {
    expect(problemOf(() => readIdempotencyKey(key)).status).toBe(400);
  });

  it("is another key for another caller", () => {
    const alice = { subject: "alice", roles: ["readOnly" as const], tenantId: "t1", anonymous: false };
    expect(callerOf(alice)).toBe(callerOf({ ...alice, roles: ["tenantOwner"] }));
    expect(callerOf(alice)).not.toBe(callerOf({ ...alice, tenantId: "t2" }));
    expect(callerOf(alice)).not.toBe(callerOf({ ...alice, subject: "bob" }));
  });

  it("sees one request in two writings of the same document, and two in two documents", () => {
    expect(fingerprintOf({ a: 1, b: { c: [1, 2], d: null } }, undefined)).toBe(
      fingerprintOf({ b: { d: null, c: [1, 2] }, a: 1 }, undefined),
    );
    expect(fingerprintOf({ a: 1 }, undefined)).not.toBe(fingerprintOf({ a: 1 }, '"tag"'));
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        // -0 and 0 are one number in JSON.
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe("a JSON pointer", () => {
  it("escapes as RFC 6901 says, and stays short", () => {
    expect(pointerOf(["labels", "a/b~c", 0])).toBe("/labels/a~1b~0c/0");
    expect(pointerOf(["x".repeat(10_000)]).length).toBeLessThan(400);
  });
});
