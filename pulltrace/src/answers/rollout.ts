import type { ImageNode, ImageRollout, PullStatus } from "../contract/index.ts";

const mostNodes = 500;

/**
 * One row per image: where its pulls stand, from the newest pull of the image on each node. Images with running pulls
 * first, newest start first. A cancelled pull says nothing about the image and is left out, unless it is all there is.
 */
export function rolloutsOf(pulls: readonly PullStatus[]): readonly ImageRollout[] {
  const images = new Map<string, Map<string, PullStatus>>();
  for (const pull of pulls) {
    const key = JSON.stringify([pull.imageRef, pull.tenant ?? null]);
    const nodes = images.get(key) ?? new Map<string, PullStatus>();
    const known = nodes.get(pull.nodeName);
    if (known === undefined || isNewer(pull, known)) nodes.set(pull.nodeName, pull);
    images.set(key, nodes);
  }
  const rows = [...images.values()].map((nodes) => {
    const newest = [...nodes.values()];
    return { row: rolloutOf(newest), startedAt: newest.reduce((last, { startedAt }) => max(last, startedAt), "") };
  });
  rows.sort(
    (a, b) =>
      Number(a.row.nodesPulling === 0) - Number(b.row.nodesPulling === 0) ||
      (a.startedAt < b.startedAt ? 1 : a.startedAt > b.startedAt ? -1 : 0),
  );
  return rows.map(({ row }) => row);
}

/** @param pulls of one image, one for each node, at least one. */
function rolloutOf(pulls: readonly PullStatus[]): ImageRollout {
  const nodes = pulls.map(nodeOf).toSorted(slowestFirst);
  const running = nodes.filter(({ state }) => state === "pulling");
  const [slowest] = running;
  const complete = running.every(({ endsAt }) => endsAt !== undefined);
  const first = pulls[0];
  return {
    imageRef: first?.imageRef ?? "",
    ...(first?.tenant === undefined ? {} : { tenant: first.tenant }),
    totalBytes: pulls.reduce((most, pull) => (pull.totalKnown ? Math.max(most, pull.totalBytes) : most), 0),
    nodesWithImage: nodes.filter(({ state }) => state === "has").length,
    nodesPulling: running.length,
    nodesFailed: nodes.filter(({ state }) => state === "failed").length,
    bytesPerSec: Math.min(
      Number.MAX_SAFE_INTEGER,
      pulls.reduce((sum, { bytesPerSec }) => sum + bytesPerSec, 0),
    ),
    ...(slowest === undefined ? {} : { slowest }),
    ...(complete && slowest?.endsAt !== undefined ? { endsAt: slowest.endsAt } : {}),
    nodes: nodes.slice(0, mostNodes),
  };
}

function nodeOf(pull: PullStatus): ImageNode {
  const { nodeName, percent, id: pullId, phase } = pull;
  const state = phase === "done" ? "has" : phase === "failed" || phase === "cancelled" ? "failed" : "pulling";
  const endsAt = state === "pulling" ? pull.timeLeft?.endsAt : undefined;
  return { nodeName, state, percent, pullId, ...(endsAt === undefined ? {} : { endsAt }) };
}

/** Running before finished, then by start: a pull that was begun later says more. */
function isNewer(pull: PullStatus, known: PullStatus): boolean {
  const cancelled = (one: PullStatus) => Number(one.phase === "cancelled");
  const ended = (one: PullStatus) => Number(one.completedAt !== undefined);
  const order = ended(known) - ended(pull) || cancelled(known) - cancelled(pull);
  return order === 0 ? pull.startedAt > known.startedAt : order > 0;
}

const stateOrder = { pulling: 0, failed: 1, has: 2 } as const;

function slowestFirst(a: ImageNode, b: ImageNode): number {
  return (
    stateOrder[a.state] - stateOrder[b.state] ||
    // A pull without a time left does not count as slower than one that has a late end: nobody knows.
    Number(a.endsAt === undefined) - Number(b.endsAt === undefined) ||
    compare(b.endsAt ?? "", a.endsAt ?? "") ||
    a.percent - b.percent ||
    compare(a.nodeName, b.nodeName)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function max(a: string, b: string): string {
  return a > b ? a : b;
}
