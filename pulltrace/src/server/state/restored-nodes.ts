import type { ServerLimits } from "../limits.ts";
import { idBeforeAdoption } from "../identity.ts";
import { silentNode } from "../merge.ts";
import type { FinishedPull, NodeState } from "../node.ts";
import type { RestoredState, StoredPull } from "./pull-state.ts";

/**
 * The nodes of an earlier run of the server, with their history and what was learned of them. Until they report they are
 * no nodes for readers: whether they still exist is not known. Of too much history the newest is taken.
 */
export function restoredNodes(restored: RestoredState, limits: ServerLimits, now: number): readonly NodeState[] {
  const pullsOf = new Map<string, StoredPull[]>();
  // Room must be left for what runs.
  let pulls = limits.pulls * 0.8;
  let layers = limits.layers * 0.8;
  for (const pull of restored.pulls.toReversed()) {
    const of = pullsOf.get(pull.nodeName) ?? [];
    pulls -= 1;
    layers -= pull.status.layers.length;
    if (pulls < 0 || layers < 0) break;
    if (of.length >= limits.pullsPerNode / 2) continue;
    of.push(pull);
    pullsOf.set(pull.nodeName, of);
  }
  const adoptedOn = new Map<string, Map<string, string>>();
  for (const { nodeName, ownId, id } of restored.adopted) {
    const of = adoptedOn.get(nodeName) ?? new Map<string, string>();
    adoptedOn.set(nodeName, of.set(ownId, id));
  }
  const known = [...pullsOf.keys(), ...adoptedOn.keys(), ...restored.nodes.keys()];
  const names = [...new Set(known)].slice(0, limits.nodes * 0.8);
  return names.map((nodeName) => {
    const own = (pullsOf.get(nodeName) ?? []).toReversed();
    const finished = new Map<string, FinishedPull>(
      own.map(({ key, status, endedAt, endedBy }) => [status.id, { key, status, endedAt, endedBy }]),
    );
    const finishedLayers = own.reduce((sum, { status }) => sum + status.layers.length, 0);
    const adopted = adoptedOn.get(nodeName) ?? new Map<string, string>();
    for (const { key, status } of own) {
      const before = idBeforeAdoption(nodeName, key, status.id);
      if (before !== undefined) adopted.set(before, status.id);
    }
    const speeds = restored.nodes.get(nodeName);
    return {
      ...silentNode(nodeName, now),
      adopted,
      finished,
      finishedLayers,
      reporting: false,
      restored: true,
      ...(speeds === undefined ? {} : { speeds }),
    };
  });
}
