import { createHash } from "node:crypto";
import type { PullEventType, PullStatus } from "../../contract/index.ts";
import type { Emission } from "../emission.ts";
import type { TrackedPull } from "../node.ts";
import type { ImageNeed } from "./image-need.ts";
import type { NodeView, WaitFacts } from "./wait-status.ts";

/** A row as it begins: nothing is known but who needs what. */
export function newStatus(
  need: ImageNeed,
  { node, tenantOf }: { readonly node: NodeView; readonly tenantOf: (imageRef: string) => string | undefined },
  isTaken: (id: string) => boolean,
): PullStatus {
  const since = need.containers[0]?.since ?? node.now;
  const startedAt = new Date(Math.min(node.now, since > 0 ? since : node.now)).toISOString();
  const tenant = tenantOf(need.image);
  // A row may end and the next one begin within a millisecond: they are two.
  let id = "";
  for (let turn = 0; id === "" || isTaken(id); turn++) {
    const name = `${node.nodeName}\npods\n${need.image}\n${node.now}${turn === 0 ? "" : `\n${turn}`}`;
    id = createHash("sha256").update(name).digest("hex").slice(0, 32);
  }
  return {
    id,
    nodeName: node.nodeName,
    imageRef: need.image,
    totalBytes: 0,
    downloadedBytes: 0,
    bytesPerSec: 0,
    etaSeconds: -1,
    percent: 0,
    layerCount: 0,
    layersDone: 0,
    startedAt,
    pods: need.pods,
    layers: [],
    totalKnown: false,
    phase: "waiting",
    ...(tenant === undefined ? {} : { tenant }),
    cachedBytes: 0,
    updatedAt: new Date(node.now).toISOString(),
  };
}

/** The row as its pods and kubelet are now. */
export function withFacts(base: PullStatus, need: ImageNeed, facts: WaitFacts, now: number): PullStatus {
  const { nextTryAt: _, waitsFor: __, cause: ___, ...known } = base;
  const rest = facts.cause === undefined ? known : { ...known, cause: facts.cause };
  const common = { ...rest, pods: samePods(base.pods, need.pods), updatedAt: new Date(now).toISOString() };
  if (facts.phase === "waiting") return { ...common, phase: "waiting", waitsFor: facts.waitsFor };
  const failedAt = Math.max(Date.parse(base.startedAt), Math.min(now, facts.failedAt ?? now));
  const newTry = base.attempts !== facts.attempts || base.completedAt === undefined;
  return {
    ...common,
    phase: "failed",
    completedAt: newTry ? new Date(failedAt).toISOString() : (base.completedAt ?? ""),
    error: `${facts.failure.sentence} ${facts.failure.advice}`.slice(0, 1_000),
    failure: facts.failure,
    attempts: facts.attempts,
    waitsFor: facts.waitsFor,
    bytesPerSec: 0,
    etaSeconds: -1,
    ...(facts.nextTryAt === undefined ? {} : { nextTryAt: new Date(facts.nextTryAt).toISOString() }),
  };
}

function samePods(known: PullStatus["pods"], now: PullStatus["pods"]): PullStatus["pods"] {
  const same =
    known.length === now.length &&
    known.every((pod, index) => {
      const other = now[index];
      return (
        pod.namespace === other?.namespace &&
        pod.podName === other.podName &&
        pod.container === other.container &&
        pod.part === other.part &&
        pod.reason === other.reason &&
        pod.since === other.since
      );
    });
  return same ? known : now;
}

/** The row before the failed try that it begins with. */
export function withoutEnd(status: PullStatus): PullStatus {
  const {
    completedAt: _,
    error: __,
    failure: ___,
    attempts: ____,
    nextTryAt: _____,
    waitsFor: ______,
    cause: _______,
    ...rest
  } = status;
  return { ...rest, phase: "resolving" };
}

/** How a row ends that nobody goes on with. A failed one told its end: it only ceases to be alive. */
export function settledStatus(row: { readonly pull: TrackedPull }, how: "has-image" | "gone", now: number): PullStatus {
  const { nextTryAt: _, waitsFor: __, cause: ___, ...status } = row.pull.status;
  const nowText = new Date(now).toISOString();
  if (status.phase === "failed") return { ...status, pods: [], updatedAt: nowText };
  if (how === "has-image") {
    return { ...status, phase: "done", percent: 100, etaSeconds: 0, completedAt: nowText, updatedAt: nowText };
  }
  return {
    ...status,
    phase: "cancelled",
    completedAt: nowText,
    updatedAt: nowText,
    error: "No pod on the node waits for it any more.",
  };
}

/** How a row ends whose pull turned out to run already, under another name. */
export function overtaken(row: { readonly pull: TrackedPull }, now: number): PullStatus {
  const status = settledStatus(row, "gone", now);
  return status.phase === "failed"
    ? status
    : { ...status, error: "The node pulls it already; that pull's name was not known before." };
}

/** A row in the form in which an agent's pull can go on from it. */
export function tracked(status: PullStatus, now: number): TrackedPull {
  return {
    key: `pods ${status.imageRef}`,
    status,
    layers: new Map(),
    speed: [],
    older: false,
    missedReports: 0,
    reportedAt: now,
    movedAt: now,
    counted: false,
  };
}

const typeOf: Readonly<Record<PullStatus["phase"], PullEventType>> = {
  waiting: "pull.progress",
  resolving: "pull.progress",
  downloading: "pull.progress",
  unpacking: "pull.progress",
  done: "pull.completed",
  failed: "pull.failed",
  cancelled: "pull.failed",
};

export function emissionOf(status: PullStatus, now: number, counted: boolean, type = typeOf[status.phase]): Emission {
  return {
    nodeName: status.nodeName,
    event: {
      schemaVersion: "v1",
      timestamp: new Date(now).toISOString(),
      type,
      nodeName: status.nodeName,
      pull: status,
    },
    ...(status.tenant === undefined ? {} : { tenant: status.tenant }),
    imageRef: status.imageRef,
    pods: status.pods,
    counted,
  };
}
