import type { LayerStatus, PodReference, PullEvent, PullEventType, PullStatus } from "../contract/index.ts";
import { layerEventsOf } from "./layer.ts";
import type { TrackedPull } from "./node.ts";
import { isEnd, samePull } from "./pull.ts";

/** An event on its way out, with what decides who sees it and whether metrics count it. */
export interface Emission {
  readonly event: PullEvent;
  readonly tenant?: string;
  readonly imageRef?: string;
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
  const timestamp = new Date(now).toISOString();
  const emit = (type: PullEventType, content: { pull: PullStatus } | { layer: LayerStatus }): Emission => ({
    event: { schemaVersion: "v1", timestamp, type, nodeName: status.nodeName, ...content },
    ...(status.tenant === undefined ? {} : { tenant: status.tenant }),
    imageRef: status.imageRef,
    pods: status.pods,
    counted: next.counted,
  });
  const emissions: Emission[] = [];
  const begins = previous?.status.phase === "waiting" && status.phase !== "waiting";
  if (previous === undefined) emissions.push(emit("pull.started", { pull: status }));
  else if (begins) emissions.push({ ...emit("pull.progress", { pull: begun(status) }), begins });
  for (const [digest, layer] of next.layers) {
    for (const type of layerEventsOf(previous?.layers.get(digest), layer))
      emissions.push(emit(type, { layer: layer.status }));
  }
  if (isEnd(status.phase)) {
    emissions.push(emit(status.phase === "done" ? "pull.completed" : "pull.failed", { pull: status }));
  } else if (previous !== undefined && !begins && !samePull(previous.status, status)) {
    emissions.push(emit("pull.progress", { pull: status }));
  }
  return emissions;
}
