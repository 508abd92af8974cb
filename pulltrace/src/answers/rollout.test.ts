import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PullPhase, PullStatus } from "../contract/index.ts";
import { rolloutsOf } from "./rollout.ts";
import { at, layer, MiB, pull } from "./testing/statuses.ts";

const on = (nodeName: string, phase: PullPhase, more: Partial<PullStatus> = {}): PullStatus =>
  pull([layer(1, 10, 5, { phase: "downloading" })], {
    id: `${nodeName}-${more.startedAt ?? ""}`,
    nodeName,
    phase,
    ...(phase === "done" || phase === "failed" || phase === "cancelled" ? { completedAt: at(9) } : {}),
    ...more,
  });
const ends = (seconds: number) => ({ timeLeft: { endsAt: at(seconds), basis: "measured" as const } });

describe("a rollout", () => {
  it("counts nodes that have the image, pull it and failed, and names the slowest", () => {
    const rows = rolloutsOf([
      on("n1", "done"),
      on("n2", "downloading", { ...ends(50), percent: 80, bytesPerSec: 100 }),
      on("n3", "unpacking", { ...ends(20), percent: 99 }),
      on("n4", "failed"),
      on("n5", "downloading", { ...ends(90), percent: 90, bytesPerSec: 50 }),
    ]);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      imageRef: "registry.example/team-a/shop:1.0",
      totalBytes: 10 * MiB,
      nodesWithImage: 1,
      nodesPulling: 3,
      nodesFailed: 1,
      bytesPerSec: 150,
      slowest: { nodeName: "n5", endsAt: at(90) },
      endsAt: at(90),
    });
    expect(rows[0]?.nodes.map(({ nodeName, state }) => `${nodeName} ${state}`)).toEqual([
      "n5 pulling",
      "n2 pulling",
      "n3 pulling",
      "n4 failed",
      "n1 has",
    ]);
  });

  it("takes the newest pull of a node: one that runs before one that is over, a retry before the failure", () => {
    const [row] = rolloutsOf([
      on("n1", "failed", { startedAt: at(1) }),
      on("n1", "done", { startedAt: at(2) }),
      on("n2", "done", { startedAt: at(2) }),
      on("n2", "downloading", { startedAt: at(1) }),
      on("n3", "done", { startedAt: at(1) }),
      on("n3", "cancelled", { startedAt: at(2) }),
    ]);
    expect(row).toMatchObject({ nodesWithImage: 2, nodesPulling: 1, nodesFailed: 0 });
  });

  it("has no end while one of its pulls has none, and then names the one that is least far", () => {
    const [row] = rolloutsOf([on("n1", "downloading", { percent: 10 }), on("n2", "downloading", { percent: 5 })]);
    expect(row?.slowest?.nodeName).toBe("n2");
    expect(row).not.toHaveProperty("endsAt");
    const [mixed] = rolloutsOf([on("n1", "downloading", { percent: 10 }), on("n2", "downloading", ends(30))]);
    expect(mixed).not.toHaveProperty("endsAt");
    expect(mixed?.slowest?.nodeName).toBe("n2");
  });

  it("keeps images and tenants apart, running ones first, the newest of them on top", () => {
    const rows = rolloutsOf([
      on("n1", "done", { imageRef: "over", startedAt: at(99) }),
      on("n1", "downloading", { imageRef: "old", startedAt: at(1) }),
      on("n1", "downloading", { imageRef: "new", startedAt: at(2) }),
      on("n1", "downloading", { imageRef: "new", startedAt: at(3), tenant: "acme" }),
    ]);
    expect(rows.map(({ imageRef, tenant }) => `${imageRef} ${tenant ?? "-"}`)).toEqual([
      "new acme",
      "new -",
      "old -",
      "over -",
    ]);
  });

  it("lists at most 500 nodes and counts them all", () => {
    const [row] = rolloutsOf(Array.from({ length: 700 }, (_, index) => on(`n${index}`, "done")));
    expect([row?.nodesWithImage, row?.nodes.length]).toEqual([700, 500]);
  });

  it("counts each node of an image once, whatever pulls there are", () => {
    const any = fc
      .tuple(
        fc.nat(5),
        fc.nat(3),
        fc.nat(50),
        fc.constantFrom<PullPhase>("resolving", "downloading", "done", "failed", "cancelled"),
      )
      .map(([node, image, start, phase]) => on(`n${node}`, phase, { imageRef: `i${image}`, startedAt: at(start) }));
    fc.assert(
      fc.property(fc.array(any), (pulls) => {
        const rows = rolloutsOf(pulls);
        const pairs = new Set(pulls.map(({ nodeName, imageRef }) => `${nodeName} ${imageRef}`));
        const counted = rows.map((row) => row.nodesWithImage + row.nodesPulling + row.nodesFailed);
        expect(counted.reduce((all, one) => all + one, 0)).toBe(pairs.size);
        for (const row of rows) expect(row.slowest !== undefined).toBe(row.nodesPulling > 0);
      }),
    );
  });
});
