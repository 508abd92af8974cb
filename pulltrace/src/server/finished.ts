import { pullId } from "./identity.ts";
import type { PullStatus, ReportedPull } from "../contract/index.ts";
import type { FinishedPull, NodeState, TrackedPull } from "./node.ts";
import type { Emission } from "./emission.ts";
import { isEnd } from "./pull.ts";

/** The finished pulls of a node while a report or a sweep changes them. Copies once, at the first change. */
export interface FinishedPulls {
  readonly all: () => ReadonlyMap<string, FinishedPull>;
  readonly layers: () => number;
  add(pull: TrackedPull, endedAt: number, endedBy: FinishedPull["endedBy"]): void;
  /** Puts in another status of a pull that was added. */
  replace(status: PullStatus): void;
  remove(id: string): void;
}

export function finishedPulls(before: ReadonlyMap<string, FinishedPull>, layersBefore: number): FinishedPulls {
  let map: Map<string, FinishedPull> | undefined;
  let layers = layersBefore;
  const changing = (): Map<string, FinishedPull> => (map ??= new Map(before));
  return {
    all: () => map ?? before,
    layers: () => layers,
    add(pull, endedAt, endedBy) {
      changing().set(pull.status.id, { key: pull.key, status: pull.status, endedAt, endedBy });
      layers += pull.status.layers.length;
    },
    replace(status) {
      const pull = map?.get(status.id);
      if (pull !== undefined) changing().set(status.id, { ...pull, status });
    },
    remove(id) {
      const pull = (map ?? before).get(id);
      if (pull === undefined) return;
      changing().delete(id);
      layers -= pull.status.layers.length;
    },
  };
}

/**
 * The public id of a reported pull that is not running, or undefined when its end was told already. An end that the
 * server only concluded (the node was silent, the pull vanished) may prove wrong: then the pull comes back under a new
 * id, so that each id has one end.
 */
export function idForReported(
  nodeName: string,
  reported: ReportedPull,
  finished: ReadonlyMap<string, FinishedPull>,
  adopted: NodeState["adopted"],
): string | undefined {
  for (let generation = 0; ; generation += 1) {
    const id = pullId(nodeName, reported, generation);
    const known = finished.get(adopted.get(id) ?? id);
    if (known === undefined) return id;
    const sameEnd = reported.phase !== undefined && isEnd(reported.phase) && reported.phase === known.status.phase;
    if (known.endedBy === "agent" || sameEnd) return undefined;
  }
}

/**
 * Kubelet's word of why an agent's pull failed, kept with the pull, so that it is there when no pod waits any more.
 * Undefined when nothing was new.
 */
export function withFailures(
  finished: ReadonlyMap<string, FinishedPull>,
  emissions: readonly Emission[],
): ReadonlyMap<string, FinishedPull> | undefined {
  let next: Map<string, FinishedPull> | undefined;
  for (const { event } of emissions) {
    const { failure, error, id } = event.type === "pull.failed" && event.pull !== undefined ? event.pull : none;
    const kept = id === undefined ? undefined : finished.get(id);
    if (kept === undefined || failure === undefined || error === undefined) continue;
    if (kept.status.failure?.sentence === failure.sentence) continue;
    next ??= new Map(finished);
    next.set(kept.status.id, { ...kept, status: { ...kept.status, error, failure } });
  }
  return next;
}

const none: Partial<PullStatus> = {};

/** The finished pull that was told longest ago and that no agent reports any more, if there is one. */
export function oldestForgettable(
  finished: ReadonlyMap<string, FinishedPull>,
  reported: ReadonlySet<string>,
): string | undefined {
  for (const [id, pull] of finished) if (!reported.has(pull.key)) return id;
  return undefined;
}
