import { array, assert, boolean, integer, nat, property, record } from "fast-check";
import { describe, expect, it } from "vitest";
import { Slabs } from "./slabs.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

describe("slabs", () => {
  it("never lend the same byte twice, and find what was given back, whatever the order", () => {
    const step = record({ power: integer({ min: 15, max: 20 }), give: boolean(), which: nat() });
    assert(
      property(array(step, { maxLength: 200 }), (steps) => {
        const slabs = new Slabs();
        const lent: Buffer[] = [];
        let shared = 0;
        for (const { power, give, which } of steps) {
          if (give && lent.length > 0) {
            const [slab] = lent.splice(which % lent.length, 1);
            if (slab !== undefined) slabs.give(slab);
            continue;
          }
          const slab = slabs.take(2 ** power);
          shared += lent.filter((other) => overlap(slab, other)).length;
          lent.push(slab);
        }
        expect(shared).toBe(0);
        for (const slab of lent) slabs.give(slab);
        // All is whole again: the largest fit into what there is.
        const held = slabs.heldBytes;
        for (let bytes = 0; bytes < held; bytes += MiB) slabs.take(MiB);
        expect(slabs.heldBytes).toBe(held);
      }),
      { numRuns: 200 },
    );
  });

  it("serve many small ones from what few large ones left behind", () => {
    const slabs = new Slabs();
    const large = Array.from({ length: 16 }, () => slabs.take(MiB));
    for (const slab of large) slabs.give(slab);
    for (let round = 0; round < 100; round++) {
      const small = Array.from({ length: 50 }, () => slabs.take(64 * KiB));
      for (const slab of small) slabs.give(slab);
    }
    expect(slabs.heldBytes).toBe(16 * MiB);
  });

  it("keep 16 MiB, and let go what is free beyond", () => {
    const slabs = new Slabs();
    const many = Array.from({ length: 1000 }, () => slabs.take(32 * KiB));
    expect(slabs.heldBytes).toBe(32 * MiB);
    for (const slab of many) slabs.give(slab);
    expect(slabs.heldBytes).toBe(16 * MiB);
  });

  it("refuse what is not theirs", () => {
    const slab = new Slabs().take(64 * KiB);
    expect(() => new Slabs().give(slab)).toThrow("somebody else");
  });
});

function overlap(one: Buffer, other: Buffer): boolean {
  return (
    one.buffer === other.buffer &&
    one.byteOffset < other.byteOffset + other.byteLength &&
    other.byteOffset < one.byteOffset + one.byteLength
  );
}
