import { describe, expect, it } from "vitest";
import {
  ending,
  firstByteSilenceMs,
  kubernetesSilenceMs,
  type OutcomeFacts,
  silenceMs,
  stampedSilenceMs,
  unpackSilenceMs,
} from "./outcome.ts";
import type { TrackedLayer, TrackedPull } from "./state.ts";
import type { WriterWatch } from "./writers.ts";

const start = 1_000_000;
const layer = (phase: TrackedLayer["phase"], downloadedBytes: number): TrackedLayer => ({
  digest: `sha256:${"a".repeat(64)}`,
  mediaType: "",
  size: 10 * 1024 * 1024,
  sizeKnown: true,
  downloadedBytes,
  phase,
  cached: phase === "cached",
});
const pull = (changes: Partial<TrackedPull> = {}): TrackedPull => ({
  id: "id",
  attempt: 0,
  failedTries: 0,
  namespace: "default",
  leaseId: "lease",
  startedAt: start,
  rootDigest: "sha256:root",
  manifests: ["sha256:manifest"],
  configs: ["sha256:config"],
  imageRef: "registry.example/team/a@sha256:root",
  sources: [],
  phase: "downloading",
  layers: [layer("cached", 10 * 1024 * 1024), layer("downloading", 2.5 * 1024 * 1024)],
  alive: true,
  shown: true,
  ownRefs: ["layer-1"],
  unpackSeen: false,
  activeAt: start,
  fingerprint: "",
  ...changes,
});
const writer = (changes: Partial<WriterWatch> = {}): WriterWatch => ({
  offset: 1,
  updatedAt: start,
  movedAtLook: 1,
  movedAt: start,
  longestGapMs: 1000,
  moves: 1,
  wholePieces: true,
  ...changes,
});
const facts = (afterMs: number, changes: Partial<OutcomeFacts> = {}): OutcomeFacts => ({
  at: start + afterMs,
  leaseThere: true,
  recorded: false,
  unpacked: false,
  writers: [writer()],
  takenOver: false,
  containerdStartedAt: start - 1000,
  ...changes,
});
const onNode = { layers: [layer("cached", 10 * 1024 * 1024), layer("done", 10 * 1024 * 1024)], unpackSeen: true };

describe("a pull is done", () => {
  it("when the record exists and everything is unpacked, though the lease is still there", () => {
    expect(ending(pull(onNode), facts(0, { recorded: true, unpacked: true }))).toEqual({ phase: "done" });
  });

  it("not with the record alone: ctr makes it before it unpacks", () => {
    expect(ending(pull(onNode), facts(0, { recorded: true }))).toBeUndefined();
  });

  it("not while a layer is missing, though record and label are there from an earlier pull of the tag", () => {
    expect(ending(pull(), facts(0, { recorded: true, unpacked: true }))).toBeUndefined();
  });

  it("when the lease goes and the record is there", () => {
    const gone = { leaseThere: false, recorded: true };
    expect(ending(pull(onNode), facts(0, { ...gone, unpacked: true }))).toEqual({ phase: "done" });
    // `ctr content fetch` makes a record and unpacks nothing.
    expect(ending(pull(), facts(0, gone))).toEqual({ phase: "done" });
  });
});

describe("a pull has failed", () => {
  it("when the lease goes without a record, with what had arrived (cached layers do not count as arrived)", () => {
    const end = ending(pull(), facts(0, { leaseThere: false }));
    expect(end?.phase).toBe("failed");
    expect(end?.error).toContain("after 2.5 of 10.0 MiB (1 of 2 layers on the node)");
  });

  it("while unpacking, when the lease goes with a record whose layers were never all unpacked", () => {
    expect(ending(pull(onNode), facts(0, { leaseThere: false, recorded: true }))?.error).toMatch(
      /unpacking them broke off/,
    );
  });

  it("when containerd was restarted and nothing moved since", () => {
    const restarted = { containerdStartedAt: start + 1_000 };
    expect(ending(pull(), facts(4_000, restarted))).toBeUndefined();
    expect(ending(pull(), facts(7_000, restarted))?.error).toMatch(/^containerd was restarted after 2\.5 of 10\.0 MiB/);
  });

  it("also when the kill tore a piece in two, and when its client still gave the lease back", () => {
    const torn = { containerdStartedAt: start + 1_000, writers: [writer({ closedAt: start + 1_500 })] };
    const seen = pull({ activeAt: start + 1_500 });
    expect(ending(seen, facts(5_000, torn))).toBeUndefined();
    expect(ending(seen, facts(7_000, torn))?.error).toMatch(/^containerd was restarted/);
    const given = { ...torn, leaseThere: false };
    expect(ending(seen, facts(2_000, given))).toMatchObject({
      phase: "failed",
      error: expect.stringMatching(/^containerd was restarted/) as string,
    });
    expect(ending(pull({ activeAt: start + 19_000 }), facts(20_000, given))?.error).toMatch(/^The pull was given up/);
  });

  it("not when it moves after the restart", () => {
    const moving = pull({ activeAt: start + 19_000 });
    expect(ending(moving, facts(20_000, { containerdStartedAt: start + 1_000 }))).toBeUndefined();
  });
});

describe("a pull is cancelled", () => {
  it("three seconds after its writer closed, not at once", () => {
    const closed = { writers: [writer({ closedAt: start + 500 }), writer({ movedAtLook: 2 })] };
    expect(ending(pull(), facts(3_000, closed))).toBeUndefined();
    expect(ending(pull(), facts(3_500, closed))?.phase).toBe("cancelled");
  });

  it("at once when another client writes its download", () => {
    expect(ending(pull(), facts(0, { takenOver: true }))?.phase).toBe("cancelled");
  });

  it("never by silence while an open writer is proven, however long", () => {
    const proven = { writers: [writer({ movedAtLook: 1 }), writer({ movedAtLook: 2 })] };
    expect(ending(pull(), facts(24 * 3_600_000, proven))).toBeUndefined();
  });

  it("by silence of three quarters of a minute when the close may have gone unseen", () => {
    expect(ending(pull(), facts(silenceMs - 1))).toBeUndefined();
    expect(ending(pull(), facts(silenceMs))?.phase).toBe("cancelled");
  });

  it("by short silence when the last byte has the time of a close, but not under kubelet", () => {
    const stamped = { writers: [writer({ stamped: true }), writer({ stamped: true })] };
    expect(ending(pull(), facts(stampedSilenceMs - 1, stamped))).toBeUndefined();
    expect(ending(pull(), facts(stampedSilenceMs, stamped))?.phase).toBe("cancelled");
    const paused = { writers: [writer({ stamped: true, longestGapMs: 10_000 })] };
    expect(ending(pull(), facts(29_999, paused))).toBeUndefined();
    expect(ending(pull(), facts(30_000, paused))?.phase).toBe("cancelled");
    for (const other of [writer({ stamped: false }), writer({ stamped: true, movedAtLook: 99 }), writer({})]) {
      expect(ending(pull(), facts(silenceMs - 1, { writers: [writer({ stamped: true }), other] }))).toBeUndefined();
    }
    expect(ending(pull({ namespace: "k8s.io" }), facts(silenceMs, stamped))).toBeUndefined();
  });

  it("by longer silence when the pull has had longer pauses before", () => {
    const slow = { writers: [writer({ longestGapMs: 50_000 })] };
    expect(ending(pull(), facts(399_000, slow))).toBeUndefined();
    expect(ending(pull(), facts(400_000, slow))?.phase).toBe("cancelled");
  });

  it("by much longer silence before the first byte, and under kubelet", () => {
    const fresh = { writers: [writer({ offset: 0, moves: 0 })] };
    expect(ending(pull(), facts(firstByteSilenceMs - 1, fresh))).toBeUndefined();
    expect(ending(pull(), facts(firstByteSilenceMs, fresh))?.phase).toBe("cancelled");
    const kubelet = pull({ namespace: "k8s.io" });
    expect(ending(kubelet, facts(kubernetesSilenceMs - 1))).toBeUndefined();
    expect(ending(kubelet, facts(kubernetesSilenceMs))?.phase).toBe("cancelled");
  });

  it("while unpacking, when the snapshot has not grown for a minute", () => {
    const unpacking = pull({ ...onNode, unpacking: { snapshotter: "overlayfs", key: "extract-1", bytes: 5 } });
    expect(ending(unpacking, facts(unpackSilenceMs - 1, { writers: [] }))).toBeUndefined();
    expect(ending(unpacking, facts(unpackSilenceMs, { writers: [] }))?.error).toContain("while it was unpacked");
  });
});
