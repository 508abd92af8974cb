import { isRunning, type NodeStatus } from "@waybill/pulltrace/contract";
import type { PullEntry } from "../live/index.ts";

/** Query parameters of the page. */
export interface NodesSearch {
  /** Words that must all occur in the node's name or its agent's version. */
  readonly q?: string;
  readonly kiosk?: true;
}

/** Reads the page's query; what makes no sense is left out rather than refused. */
export function readNodesSearch(query: Readonly<Record<string, unknown>>): NodesSearch {
  const { q, kiosk } = query;
  return {
    ...(typeof q === "string" && q !== "" ? { q: q.slice(0, 200) } : {}),
    ...(kiosk !== undefined && kiosk !== "false" && kiosk !== false ? { kiosk: true as const } : {}),
  };
}

/** A node, and what its pulls add up to. */
export interface NodeRow {
  readonly node: NodeStatus;
  /** Running pulls by the list of pulls, which is fresher than what the node's status says. */
  readonly activePulls: number;
  readonly failedPulls: number;
  /** Bytes per second. */
  readonly bytesPerSec: number;
}

/** Silent nodes first, as they are what one came for; among these and the others by name: no row moves for its speed. */
export function nodeRows(nodes: readonly NodeStatus[], entries: Iterable<PullEntry>): readonly NodeRow[] {
  const sums = new Map<string, { activePulls: number; failedPulls: number; bytesPerSec: number }>();
  for (const { pull } of entries) {
    const sum = sums.get(pull.nodeName) ?? { activePulls: 0, failedPulls: 0, bytesPerSec: 0 };
    sums.set(pull.nodeName, sum);
    if (pull.phase === "failed") sum.failedPulls += 1;
    if (!isRunning(pull)) continue;
    sum.activePulls += 1;
    sum.bytesPerSec += Math.max(0, pull.bytesPerSec);
  }
  const none = { activePulls: 0, failedPulls: 0, bytesPerSec: 0 };
  return nodes
    .map((node) => ({ node, ...(sums.get(node.nodeName) ?? none) }))
    .sort(
      (a, b) => Number(a.node.reporting) - Number(b.node.reporting) || byName.compare(a.node.nodeName, b.node.nodeName),
    );
}

const byName = new Intl.Collator("en", { numeric: true });

export function filterNodes(rows: readonly NodeRow[], q: string | undefined): readonly NodeRow[] {
  const words = (q ?? "")
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  if (words.length === 0) return rows;
  return rows.filter(({ node }) => {
    const text =
      `${node.nodeName}\n${node.agentVersion ?? ""}\n${node.reporting ? "reporting" : "silent"}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
