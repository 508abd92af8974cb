import { describe, expect, it } from "vitest";
import type { Containerd, ContentInfo, Ingest, LeaseResource } from "../containerd/index.ts";
import { chainIds } from "./documents.ts";
import type { Questions } from "./observation.ts";
import { createObserver } from "./observer.ts";

/**
 * What a look asks of containerd, counted on a table of answers; agent.real.test.ts and the tests of pull scenarios ask
 * real containerds.
 */

const digest = (name: string) => `sha256:${Buffer.from(name).toString("hex").padEnd(64, "0")}`;
const nothing: Questions = { settledLeases: new Set(), digests: {}, roots: {}, unpacks: {} };
const layers = Array.from({ length: 10 }, (_, index) => digest(`layer ${index}`));
const diffIds = layers.map((_, index) => digest(`diff ${index}`));
const chain = chainIds(diffIds);
const documents: Record<string, unknown> = {
  [digest("manifest")]: {
    config: { digest: digest("config") },
    layers: layers.map((one) => ({ digest: one, size: 100, mediaType: "layer" })),
  },
  [digest("config")]: { rootfs: { diff_ids: diffIds } },
};

interface Node {
  leases: { id: string; createdAt: number; resources: LeaseResource[] }[];
  contents: string[];
  ingests: string[];
  snapshots: string[];
}

/** A containerd of one namespace that answers from a table and notes what it was asked. */
function asked(node: Node): { containerd: Containerd; calls: string[] } {
  const calls: string[] = [];
  const info = (one: string): ContentInfo => ({
    digest: one,
    size: 100,
    createdAt: 1,
    updatedAt: 1,
    labels: documents[one] === undefined ? {} : { "containerd.io/gc.ref.content.l.0": layers[0] ?? "" },
  });
  const answer = <T>(call: string, value: T): Promise<T> => {
    calls.push(call);
    return Promise.resolve(value);
  };
  return {
    calls,
    containerd: {
      namespaces: () => answer("namespaces", ["default"]),
      leases: () =>
        answer(
          "leases",
          node.leases.map(({ id, createdAt }) => ({ id, createdAt })),
        ),
      leaseResources: (_, id) => answer("resources", node.leases.find((lease) => lease.id === id)?.resources),
      ingests: () =>
        answer(
          "ingests",
          node.ingests.map((ref): Ingest => ({ ref, offset: 1, total: 100, startedAt: 1, updatedAt: 1 })),
        ),
      contents: (_, digests) =>
        digests.length === 0
          ? Promise.resolve([])
          : answer("contents", node.contents.filter((one) => digests.includes(one)).map(info)),
      imagesOf: () => answer("images", []),
      imagesFrom: () => answer("images of a host", []),
      blob: (_, one) => answer("blob", Buffer.from(JSON.stringify(documents[one] ?? null))),
      hasSnapshot: (_, __, key) => answer(`snapshot ${chain.indexOf(key)}`, node.snapshots.includes(key)),
      snapshotBytes: () => answer("usage", undefined),
      close: () => undefined,
    },
  };
}

function lease(downloads: readonly string[] = []): Node["leases"][number] {
  return {
    id: "one",
    createdAt: 1,
    resources: [
      { type: "content", id: digest("manifest") },
      { type: "content", id: digest("config") },
      { type: "snapshots/overlayfs", id: `extract-1 ${chain[0] ?? ""}` },
      ...downloads.map((id) => ({ type: "ingests", id })),
    ],
  };
}

const fetched = [digest("manifest"), digest("config")];

async function looks(node: Node, count: number) {
  const { containerd, calls } = asked(node);
  let now = 0;
  const observer = createObserver({ containerd, socketPath: "/nowhere", now: () => now });
  let observation = await observer.observe(nothing);
  for (let look = 1; look < count; look += 1) {
    now += 1_000;
    calls.length = 0;
    observation = await observer.observe(nothing);
  }
  return { calls, snapshots: observation.namespaces[0]?.snapshots };
}

describe("a look at containerd", () => {
  it("is one question when no pull runs, and every tenth time a second one", async () => {
    const idle = { leases: [], contents: [], ingests: [], snapshots: [] };
    for (let look = 2; look <= 10; look += 1) expect((await looks(idle, look)).calls).toEqual(["leases"]);
    expect((await looks(idle, 11)).calls).toEqual(["namespaces", "leases"]);
  });

  it("is five questions while a pull downloads, however many layers it has", async () => {
    const refs = layers.slice(0, 3).map((one) => `layer-${one}`);
    const { calls } = await looks({ leases: [lease(refs)], contents: fetched, ingests: refs, snapshots: [] }, 2);
    expect(calls).toEqual(["leases", "resources", "ingests", "contents", "images"]);
  });

  it("asks for snapshots up to the first that is not there, and once for those that are", async () => {
    const node: Node = { leases: [lease()], contents: fetched, ingests: [], snapshots: chain.slice(0, 3) };
    const first = await looks(node, 1);
    expect(first.calls.filter((call) => call.startsWith("snapshot"))).toEqual([0, 1, 2, 3].map((n) => `snapshot ${n}`));
    expect(first.snapshots).toEqual(chain.slice(0, 3));
    const second = await looks(node, 2);
    expect(second.calls.filter((call) => call.startsWith("snapshot"))).toEqual(["snapshot 3"]);
    expect(second.snapshots).toEqual(chain.slice(0, 3));
  });

  it("asks for no snapshot from the first layer on that the pull's own client downloads", async () => {
    const refs = [`layer-${layers[2] ?? ""}`];
    const node: Node = { leases: [lease(refs)], contents: fetched, ingests: refs, snapshots: chain.slice(0, 2) };
    expect((await looks(node, 2)).calls).not.toContain("snapshot 2");
    expect((await looks(node, 2)).snapshots).toEqual(chain.slice(0, 2));
    // A download that a dead client left says nothing about this one.
    const left: Node = { leases: [lease()], contents: fetched, ingests: refs, snapshots: chain.slice(0, 4) };
    expect((await looks(left, 1)).snapshots).toEqual(chain.slice(0, 4));
  });

  it("asks for no snapshot of a layer whose content is there", async () => {
    const node: Node = { leases: [lease()], contents: [...fetched, ...layers], ingests: [], snapshots: chain };
    expect((await looks(node, 1)).calls.filter((call) => call.startsWith("snapshot"))).toEqual([]);
  });
});
