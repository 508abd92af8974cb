import type { AgentReport } from "../../contract/index.ts";

/** A node's last report, and the number by which both sides know the node. */
export interface KeptReport {
  readonly number: number;
  readonly report: AgentReport;
}

export interface KeptReports<Key> {
  get(key: Key): KeptReport | undefined;
  /** Puts the node's newest report in the place of the one before. */
  set(key: Key, kept: KeptReport): void;
  delete(key: Key): void;
}

/** How much of what nodes told last is kept in mind. */
export interface KeptBounds {
  readonly nodes: number;
  readonly layers: number;
}

/**
 * The last report of each node, in two generations of which the older one goes as a whole when the newer one is full.
 * What is forgotten follows from the calls alone: two of these that see the same calls hold the same nodes.
 */
export function createKeptReports<Key>(most: KeptBounds): KeptReports<Key> {
  let recent = new Map<Key, KeptReport>();
  let older = new Map<Key, KeptReport>();
  let layers = 0;
  const drop = (key: Key): void => {
    const known = recent.get(key);
    if (known !== undefined) layers -= layersOf(known);
    recent.delete(key);
    older.delete(key);
  };
  return {
    get: (key) => recent.get(key) ?? older.get(key),
    set(key, kept) {
      const known = recent.get(key);
      const added = layersOf(kept) - (known === undefined ? 0 : layersOf(known));
      if (known === undefined) older.delete(key);
      if ((known === undefined && recent.size >= most.nodes) || (recent.size > 0 && layers + added > most.layers)) {
        drop(key);
        older = recent;
        recent = new Map();
        layers = layersOf(kept);
      } else layers += added;
      recent.set(key, kept);
    },
    delete: drop,
  };
}

/** One for the node itself: a report without pulls takes place, too. */
function layersOf({ report }: KeptReport): number {
  let count = 1;
  for (const pull of report.pulls) count += 1 + pull.layers.length;
  return count;
}
