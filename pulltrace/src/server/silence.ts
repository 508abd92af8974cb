import { emissionsOf, type Emission } from "./emission.ts";
import { finishedPulls } from "./finished.ts";
import type { NodeState, TrackedPull } from "./node.ts";
import { calmPull, endPull } from "./pull.ts";

/** A node is silent when three reports are missing, and after 5 s at least. */
function silentAfterMs(node: NodeState): number {
  return Math.max(5_000, 3 * node.reportIntervalMs);
}

/** The running pulls of a node that stays silent fail after two minutes, or ten reports where those take longer. */
function failAfterMs(node: NodeState): number {
  return Math.max(120_000, 10 * node.reportIntervalMs);
}

/**
 * What time alone does to a node: it falls silent (its pulls lose speed and time left), its running pulls fail at
 * last, its finished pulls are forgotten after `historyTtlMs`, and in the end the node itself (undefined).
 * `elapsedMs` is what the server saw pass since the last sweep; pure like `mergeReport`.
 */
export function sweepNode(
  node: NodeState,
  elapsedMs: number,
  now: number,
  historyTtlMs: number,
): { readonly node: NodeState | undefined; readonly emissions: readonly Emission[] } {
  const silentMs = node.silentMs + elapsedMs;
  const reporting = silentMs <= silentAfterMs(node);
  const emissions: Emission[] = [];
  const finished = finishedPulls(node.finished, node.finishedLayers);
  let running: ReadonlyMap<string, TrackedPull> = node.running;

  if (silentMs > failAfterMs(node) && running.size > 0) {
    for (const pull of running.values()) {
      const next = endPull(pull, { phase: "failed", error: "node stopped reporting" }, now);
      emissions.push(...emissionsOf(pull, next, now));
      finished.add(next, now, "server");
    }
    running = new Map();
  } else if (!reporting && node.reporting) {
    const calm = new Map<string, TrackedPull>();
    for (const pull of running.values()) {
      const next = calmPull(pull);
      emissions.push(...emissionsOf(pull, next, now));
      calm.set(pull.key, next);
    }
    running = calm;
  }

  for (const [id, pull] of node.finished) {
    // What the agent still reports is kept (readers do not see it), or the next report would begin it anew.
    if (now - pull.endedAt >= historyTtlMs && !(reporting && node.reportedKeys.has(pull.key))) finished.remove(id);
  }
  const forgotten =
    silentMs > Math.max(historyTtlMs, failAfterMs(node)) && running.size === 0 && finished.all().size === 0;
  if (forgotten) return { node: undefined, emissions };
  return {
    node: { ...node, running, finished: finished.all(), finishedLayers: finished.layers(), silentMs, reporting },
    emissions,
  };
}
