import type { PodReference, PullEvent, PullEventType, PullStatus } from "../contract/index.ts";
import { layerEventsOf } from "./layer.ts";
import type { TrackedPull } from "./node.ts";
import { isEnd, samePull } from "./pull.ts";
import type { Filtered } from "./reader-filter.ts";

/** An event on its way out, with what decides who sees it and whether metrics count it. */
export interface Emission extends Filtered {
  readonly event: PullEvent;
  readonly pods?: readonly PodReference[];
  readonly counted: boolean;
  /** The pull begins with this event: its `pull.started` was told when pods were seen to wait for it. */
  readonly begins?: true;
}

/** A pull that is over when it is first heard of still begins before it ends. */
function begun(status: PullStatus): PullStatus {
  if (!isEnd(status.phase)) return status;
  const { completedAt: _, error: __, failure: ___, ...rest } = status;
  return { ...rest, phase: "resolving", percent: Math.min(99.9, status.percent), etaSeconds: -1 };
}

/**
 * The events that lead from one state of a pull to the next, in the order in which a reader must see them: the start
 * before everything of the pull, the end after everything.
 */
export function emissionsOf(previous: TrackedPull | undefined, next: TrackedPull, now: number): readonly Emission[] {
  const { status } = next;
  const { nodeName } = status;
  const timestamp = new Date(now).toISOString();
  const about = {
    nodeName,
    imageRef: status.imageRef,
    pods: status.pods,
    counted: next.counted,
    ...(status.tenant === undefined ? {} : { tenant: status.tenant }),
  };
  const ofPull = (type: PullEventType, pull: PullStatus): Emission => ({
    ...about,
    event: { schemaVersion: "v1", timestamp, type, nodeName, pull },
  });
  const emissions: Emission[] = [];
  const begins = previous?.status.phase === "waiting" && status.phase !== "waiting";
  if (previous === undefined) emissions.push(ofPull("pull.started", status));
  else if (begins) emissions.push({ ...ofPull("pull.progress", begun(status)), begins });
  for (const [digest, layer] of next.layers) {
    const before = previous?.layers.get(digest);
    if (before === layer) continue;
    for (const type of layerEventsOf(before, layer))
      emissions.push({ ...about, event: { schemaVersion: "v1", timestamp, type, nodeName, layer: layer.status } });
  }
  if (isEnd(status.phase)) {
    emissions.push(ofPull(status.phase === "done" ? "pull.completed" : "pull.failed", status));
  } else if (previous !== undefined && !begins && !samePull(previous.status, status)) {
    emissions.push(ofPull("pull.progress", status));
  }
  return emissions;
}
