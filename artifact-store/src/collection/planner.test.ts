import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BlobState } from "../catalog/index.ts";
import { digestOf } from "../digest/index.ts";
import { parseRepositoryName } from "../names/index.ts";
import { decideBlob } from "./planner.ts";

const digest = digestOf(Buffer.from("x"));
const repository = parseRepositoryName("acme/app");

const state: fc.Arbitrary<BlobState> = fc
  .record({
    leasedUntil: fc.nat(100),
    condemnedAt: fc.option(fc.nat(100), { nil: undefined }),
    links: fc.uniqueArray(fc.record({ repositoryId: fc.nat(3), since: fc.nat(100) }), {
      selector: (link) => link.repositoryId,
      maxLength: 4,
    }),
    namedIn: fc.uniqueArray(fc.nat(3), { maxLength: 2 }),
  })
  .map(({ links, namedIn, ...rest }) => ({
    ...rest,
    key: digest,
    size: 1,
    links: links.map((link) => ({ ...link, repository })),
    namedIn: new Map(namedIn.map((id) => [id, 1])),
  }));
const patience = fc.record({ graceMs: fc.nat(50), looseMs: fc.nat(50) });

describe("a blob under review", () => {
  it("is deleted only when condemned for the whole grace, without lease, without a manifest and without a young link", () => {
    fc.assert(
      fc.property(state, patience, fc.nat(200), (blob, patient, now) => {
        const { change } = decideBlob(digest, blob, now, patient);
        const free =
          blob.leasedUntil <= now &&
          blob.namedIn.size === 0 &&
          blob.links.every((link) => link.since + patient.looseMs <= now);
        const ripe = blob.condemnedAt !== undefined && blob.condemnedAt + patient.graceMs <= now;
        expect(change === "delete").toBe(free && ripe);
        expect(change === "condemn").toBe(free && blob.condemnedAt === undefined);
        expect(change === "revive").toBe(!free && blob.condemnedAt !== undefined);
      }),
    );
  });

  it("loses no link under which a manifest names it", () => {
    fc.assert(
      fc.property(state, patience, fc.nat(200), (blob, patient, now) => {
        const { unlink } = decideBlob(digest, blob, now, patient);
        expect(unlink.filter((link) => blob.namedIn.has(link.repositoryId))).toEqual([]);
      }),
    );
  });

  it("that nobody touches is gone after finitely many looks, each at the time that the one before named", () => {
    fc.assert(
      fc.property(state, patience, fc.nat(200), (start, patient, from) => {
        let blob: BlobState = { ...start, namedIn: new Map() };
        let now = from;
        for (let looks = 0; looks < 8; looks++) {
          const { change, next } = decideBlob(digest, blob, now, patient);
          if (change === "delete") return;
          if (change === "condemn") blob = { ...blob, condemnedAt: now };
          if (change === "revive") blob = { ...blob, condemnedAt: undefined };
          expect(next).toBeGreaterThanOrEqual(now);
          now = next ?? Number.NaN;
        }
        expect.unreachable("it is still there");
      }),
    );
  });
});
