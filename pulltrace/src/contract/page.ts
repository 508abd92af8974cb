import type { PageWaits } from "./page-waits.ts";
import type { PullStatus } from "./pull.ts";

/**
 * Milliseconds: an event stream on which nothing happens carries a comment at least each two of these, so that a reader
 * knows a quiet line from a dead one. Readers give up after four.
 */
export const streamHeartbeatMs = 4_000;

/**
 * What a page shows, and nothing that it does not: `GET /api/v1/events?view=page`. Its messages are named `page`, and
 * each holds one PageUpdate; a `snapshot` comes first, and again whenever a reader could not keep up.
 */
export interface PageUpdate {
  readonly schemaVersion: "v1";
  readonly kind: "snapshot" | "changes";
  /** RFC 3339: the server's clock. */
  readonly serverTime: string;
  readonly summary: PageSummary;
  /** Who waits and why, of all pulls that the filter lets through. Left out of changes when it is as before. */
  readonly waits?: PageWaits;
  /** Ids of the rows, first row first. Left out of changes when it is as before. */
  readonly order?: readonly string[];
  /**
   * In a snapshot each row, whole. In changes the rows that are new, whole, and of the others only what changed; a
   * field that went away is null.
   */
  readonly rows: readonly (PullRow | PullRowChange)[];
}

/** A pull without its layers, which a page asks for (`GET /api/v1/pulls?node=`) when a row is opened. */
export type PullRow = Omit<PullStatus, "layers">;
export type PullRowChange = { readonly id: string } & { readonly [Field in keyof PullRow]?: PullRow[Field] | null };

/** The strip over the rows: of all pulls that the reader's filter lets through, not of the rows alone. */
export interface PageSummary {
  readonly activePulls: number;
  /** Finished within the history, failed ones included. */
  readonly finishedPulls: number;
  readonly failedPulls: number;
  /** Of all running pulls; a layer that two of a node wait for counts twice. */
  readonly bytesPerSec: number;
  readonly nodes: number;
  readonly pullingNodes: number;
  /** Nodes that do not report at the moment. */
  readonly silentNodes: number;
}
