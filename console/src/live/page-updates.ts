import {
  isRunning,
  type PageSummary,
  type PageUpdate,
  type PageWaits,
  type PullStatus,
} from "@waybill/pulltrace/contract";
import { isRecord } from "./requests.ts";
import type { NumberedEvent, PullsState } from "./state.ts";

/** Every layer of a running pull tells something each second: a browser does not follow more of them than this. */
export const mostLayersFollowed = 20_000;

/** So much is being pulled that the page follows what the server shows to pages, and not each event. */
export function isTooMuch({ entries }: PullsState, most: number): boolean {
  let layers = 0;
  for (const { pull } of entries.values()) {
    if (isRunning(pull)) layers += pull.layers.filter(({ phase }) => phase !== "cached" && phase !== "done").length;
    if (layers > most) return true;
  }
  return false;
}

/** What an update says of the pulls, as events that bring the state there. They carry no number. */
export interface ReadUpdate {
  readonly summary: PageSummary;
  /** Absent when it is as before. */
  readonly waits?: PageWaits;
  readonly events: readonly NumberedEvent[];
}

/** Undefined when it is no update that we understand. The rows have no layers: those of the list are kept. */
export function readUpdate(data: string, state: PullsState): ReadUpdate | undefined {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || !isRecord(value["summary"]) || !Array.isArray(value["rows"])) return undefined;
  const { waits } = value;
  if (waits !== undefined && !(isRecord(waits) && Array.isArray(waits["troubles"]) && Array.isArray(waits["delays"])))
    return undefined;
  const update = value as unknown as PageUpdate;
  const events: NumberedEvent[] = [];
  for (const row of update.rows) {
    const known = state.entries.get(row.id)?.pull;
    const pull = { ...known, ...row, layers: known?.layers ?? [] };
    for (const [field, one] of Object.entries(pull)) if (one === null) Reflect.deleteProperty(pull, field);
    // A change of a row that the list had not: the next list has it.
    if (!isWhole(pull)) continue;
    events.push({
      id: "",
      event: {
        schemaVersion: "v1",
        timestamp: update.serverTime,
        type: "pull.progress",
        nodeName: pull.nodeName,
        pull,
      },
    });
  }
  return { summary: update.summary, ...(update.waits === undefined ? {} : { waits: update.waits }), events };
}

function isWhole(pull: object): pull is PullStatus {
  return "imageRef" in pull && "nodeName" in pull && "phase" in pull && "startedAt" in pull && "pods" in pull;
}
