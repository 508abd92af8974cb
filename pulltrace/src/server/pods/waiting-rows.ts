import type { PullStatus } from "../../contract/index.ts";
import type { Emission } from "../emission.ts";
import type { FinishedPull, TrackedPull } from "../node.ts";
import type { NodeWaits } from "./contract.ts";
import { matchImage, readImageName } from "./image-name.ts";
import { matchNeeds, type ImageNeed } from "./image-need.ts";
import { emissionOf, newStatus, overtaken, settledStatus, tracked, withFacts, withoutEnd } from "./row-status.ts";
import { sameWait, waitFactsOf, type NodeView, type WaitFacts } from "./wait-status.ts";

/** A pull that pods need and that nobody reports: it waits, or its last try failed. */
export interface WaitingRow {
  readonly image: string;
  readonly pull: TrackedPull;
  /** It stands for a failed pull that an agent reported, and goes on under its id. */
  readonly ofAgent: boolean;
}

/** Rows of a node. Plain data, never changed in place. */
export interface NodeRows {
  /** By image. */
  readonly open: ReadonlyMap<string, WaitingRow>;
  /** By id: rows that are over, oldest end first. */
  readonly ended: ReadonlyMap<string, { readonly status: PullStatus; readonly endedAt: number }>;
  /** By image: when the need was first seen, by the server's clock. */
  readonly seen: ReadonlyMap<string, number>;
}

export const noRows: NodeRows = { open: new Map(), ended: new Map(), seen: new Map() };

export interface RowsInput {
  readonly node: NodeView;
  readonly needs: readonly ImageNeed[];
  readonly settled: NodeWaits["settled"];
  readonly running: readonly PullStatus[];
  readonly finished: ReadonlyMap<string, FinishedPull>;
  readonly tenantOf: (imageRef: string) => string | undefined;
  readonly historyTtlMs: number;
}

/** Most containers have their image on the node already: what waits for less is no row. */
const patienceMs = 3_000;
/** An agent's failed pull and kubelet's word of it belong together when they are so near. */
const sameTryMs = 30_000;
const reportedWithinMs = 2_000;
/** After a pull's end kubelet needs some time until the pod says what came of it. */
const settlingMs = 10_000;
const mostRowsOfNode = 500;

/** Rows of a node, what its pods need now, and its pulls → the next rows and what to tell. Pure. */
export function nextRows(
  previous: NodeRows,
  input: RowsInput,
): { readonly rows: NodeRows; readonly emissions: readonly Emission[] } {
  const { node, needs, running, finished } = input;
  const { now } = node;
  const emissions: Emission[] = [];
  const open = new Map<string, WaitingRow>();
  const ended = new Map([...previous.ended].filter(([, { endedAt }]) => now - endedAt < input.historyTtlMs));
  const seen = new Map<string, number>();
  const runningIds = new Set(running.map(({ id }) => id));
  const served = new Set(matchNeeds(needs, running).values());

  const end = (row: WaitingRow, next: PullStatus): void => {
    emissions.push(emissionOf(next, now, false));
    if (!row.ofAgent) ended.set(next.id, { status: next, endedAt: now });
  };

  for (const need of needs) {
    seen.set(need.image, previous.seen.get(need.image) ?? now);
    const row = liveRow(previous.open.get(need.image), runningIds, finished);
    const facts = served.has(need) ? undefined : waitFactsOf(need, node);
    if (facts === undefined) {
      if (row !== undefined) end(row, served.has(need) ? overtaken(row, now) : settledStatus(row, "gone", now));
      continue;
    }
    // The agent's report of the same failure may still be on its way; its pull is the better row.
    const fresh = facts.phase === "failed" && node.reporting && isFresh(facts.failedAt, now);
    if (fresh) {
      if (row !== undefined) open.set(need.image, row);
      continue;
    }
    const patient =
      facts.phase === "waiting" &&
      now < Math.max((seen.get(need.image) ?? now) + patienceMs, lastEndOf(need, finished) + settlingMs);
    if (row === undefined && (patient || open.size >= mostRowsOfNode)) continue;
    const agents = facts.phase === "failed" ? failedByAgent(need, facts.failedAt ?? now, finished) : undefined;
    const newTry = agents !== undefined && agents.status.id !== row?.pull.status.id;
    const turnsBack = row?.pull.status.phase === "failed" && facts.phase === "waiting";
    if (row !== undefined && (newTry || turnsBack)) end(row, settledStatus(row, "gone", now));
    if (turnsBack && patient) continue;
    const kept = newTry || turnsBack ? undefined : row;
    open.set(
      need.image,
      kept === undefined
        ? begin(need, facts, agents, input, emissions, (id) => ended.has(id) || finished.has(id))
        : go(kept, need, facts, input, emissions),
    );
  }

  for (const row of previous.open.values()) {
    if (seen.has(row.image) || liveRow(row, runningIds, finished) === undefined) continue;
    const how = input.settled.findLast(({ image }) => image === row.image)?.how ?? "gone";
    end(row, settledStatus(row, how, now));
  }
  return { rows: { open, ended, seen }, emissions };
}

function isFresh(failedAt: number | undefined, now: number): boolean {
  return failedAt !== undefined && failedAt <= now && now - failedAt < reportedWithinMs;
}

/** A row whose id an agent's pull goes on under, or ended under, is no row any more. */
function liveRow(
  row: WaitingRow | undefined,
  runningIds: ReadonlySet<string>,
  finished: RowsInput["finished"],
): WaitingRow | undefined {
  if (row === undefined || runningIds.has(row.pull.status.id)) return undefined;
  return !row.ofAgent && finished.has(row.pull.status.id) ? undefined : row;
}

/** When an agent last told of a pull's end of this image; long ago when none did. What the server concluded was earlier. */
function lastEndOf(need: ImageNeed, finished: RowsInput["finished"]): number {
  let last = Number.NEGATIVE_INFINITY;
  for (const pull of finished.values())
    if (pull.endedBy === "agent" && isOf(need, pull)) last = Math.max(last, pull.endedAt);
  return last;
}

function isOf({ name }: ImageNeed, { status }: FinishedPull): boolean {
  const ofPull = name === undefined ? undefined : readImageName(status.imageRef);
  if (name === undefined || ofPull === undefined) return false;
  return matchImage(name, { name: ofPull, manifestDigest: status.manifestDigest }) !== "none";
}

/** The failed pull of an agent that kubelet's word of a failed try is about. */
function failedByAgent(need: ImageNeed, failedAt: number, finished: RowsInput["finished"]): FinishedPull | undefined {
  let found: FinishedPull | undefined;
  for (const pull of finished.values()) {
    if (pull.status.phase === "done" || pull.endedAt < failedAt - sameTryMs || !isOf(need, pull)) continue;
    found = pull;
  }
  return found;
}

function begin(
  need: ImageNeed,
  facts: WaitFacts,
  agents: FinishedPull | undefined,
  input: RowsInput,
  emissions: Emission[],
  isTaken: (id: string) => boolean,
): WaitingRow {
  const { node } = input;
  const base = agents?.status ?? newStatus(need, input, isTaken);
  const status = withFacts(base, need, facts, node.now);
  const ofAgent = agents !== undefined;
  if (!ofAgent) {
    const begun = facts.phase === "waiting" ? status : withoutEnd(status);
    emissions.push(emissionOf(begun, node.now, facts.phase === "failed", "pull.started"));
  }
  if (facts.phase === "failed") emissions.push(emissionOf(status, node.now, !ofAgent));
  return { image: need.image, ofAgent, pull: tracked(status, node.now) };
}

function go(row: WaitingRow, need: ImageNeed, facts: WaitFacts, input: RowsInput, emissions: Emission[]): WaitingRow {
  const { now } = input.node;
  const before = row.pull.status;
  const status = withFacts(before, need, facts, now);
  // The numbers of a cause change all the time; alone they are no news.
  if (sameWait(before, status)) {
    return status.cause?.sentence === before.cause?.sentence ? row : { ...row, pull: { ...row.pull, status } };
  }
  // Each failed try counts as a pull that began and failed, as it does when an agent sees it.
  const tried = facts.phase === "failed" && (before.phase !== "failed" || (before.attempts ?? 0) < facts.attempts);
  emissions.push({ ...emissionOf(status, now, tried), ...(tried ? { begins: true as const } : {}) });
  return { ...row, pull: { ...row.pull, status } };
}
