import { describe, expect, it } from "vitest";
import { keptMoments } from "../testing/moments.ts";
import { told } from "../testing/play.ts";

describe("a layer that another pull downloads, seen on a real containerd 1.6.20", () => {
  it("two-at-once: is told as one that the pull waits for, until it is there", async () => {
    const reports = told(await keptMoments("two-at-once"));
    const waits = reports.flatMap(({ pulls }) =>
      pulls.flatMap((pull) =>
        pull.layers.flatMap(({ waitsFor, digest, phase }) =>
          waitsFor === undefined ? [] : [{ id: pull.id, waitsFor, digest, phase, pulls }],
        ),
      ),
    );
    expect(waits.length).toBeGreaterThan(2);
    for (const { id, waitsFor, digest, phase, pulls } of waits) {
      expect(waitsFor).not.toBe(id);
      expect(phase).toBe("downloading");
      const writer = pulls.find((pull) => pull.id === waitsFor)?.layers.find((layer) => layer.digest === digest);
      expect(writer).toMatchObject({ phase: "downloading" });
      expect(writer).not.toHaveProperty("waitsFor");
    }
  });

  it.each(["cached", "client-killed", "link-cut", "containerd-killed", "slow-link"])(
    "%s: is not told where each pull downloads its own",
    async (scene) => {
      const layers = told(await keptMoments(scene)).flatMap(({ pulls }) => pulls.flatMap((pull) => pull.layers));
      expect(layers.length).toBeGreaterThan(0);
      expect(layers.filter(({ waitsFor }) => waitsFor !== undefined)).toEqual([]);
    },
  );
});
