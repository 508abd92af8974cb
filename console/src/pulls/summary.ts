import { isRunning, type NodeStatus, type PageWaits, sumWaits } from "@waybill/pulltrace/contract";
import type { PullEntry, PullsState } from "../live/index.ts";

/** What ticks in the strip. Over all pulls, not only the filtered ones. */
export interface Summary {
  readonly active: number;
  /** Bytes per second over all active pulls. */
  readonly bytesPerSec: number;
  readonly nodesReporting: number;
  readonly nodesKnown: number;
  readonly silentNodes: readonly string[];
  /** A replayed recording is among the pulls. */
  readonly recording: boolean;
}

export function summarize(entries: Iterable<PullEntry>, nodes: readonly NodeStatus[]): Summary {
  let active = 0;
  let bytesPerSec = 0;
  let recording = false;
  for (const { pull } of entries) {
    if (pull.recording === true) recording = true;
    if (!isRunning(pull)) continue;
    active += 1;
    bytesPerSec += Math.max(0, pull.bytesPerSec);
  }
  const silentNodes = nodes.filter((node) => !node.reporting).map((node) => node.nodeName);
  return {
    active,
    bytesPerSec,
    nodesReporting: nodes.length - silentNodes.length,
    nodesKnown: nodes.length,
    silentNodes,
    recording,
  };
}

/** Whom it hits, and why: by the rule that the server has for pages which cannot follow each pull. */
export function waitsOf(entries: Iterable<PullEntry>): PageWaits {
  const waits = sumWaits();
  for (const { pull } of entries) waits.add(pull);
  return waits.result();
}

/** The same at each draw: read anew when it changes who waits and why, and once a second for the times in it. */
export function createWaitsReader(): (state: Pick<PullsState, "entries" | "shape">, second: number) => PageWaits {
  let last: { readonly shape: object; readonly second: number; readonly waits: PageWaits } | undefined;
  return ({ entries, shape }, second) => {
    if (last?.shape !== shape || last.second !== second) last = { shape, second, waits: waitsOf(entries.values()) };
    return last.waits;
  };
}

/** What is known while nothing is pulled: of silent nodes nothing is. */
export function idleWords({ nodesReporting, nodesKnown }: Summary, window: string): string {
  const all = nodesKnown.toLocaleString("en");
  if (nodesReporting === 0) {
    const who = nodesKnown === 1 ? "The node is silent: what it pulls" : `All ${all} nodes are silent: what they pull`;
    return `${who} is not known.`;
  }
  const some = nodesReporting === nodesKnown ? all : `${nodesReporting.toLocaleString("en")} of ${all}`;
  const who = nodesKnown === 1 ? "The node reports" : `${some} nodes report`;
  return `${who}, and nothing was pulled in the last ${window}.`;
}
