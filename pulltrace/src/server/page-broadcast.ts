import { createHash, randomBytes } from "node:crypto";
import { encodeFrames, type StreamEncoding } from "@waybill/foundation/http";
import type { PageUpdate, PullStatus } from "../contract/index.ts";
import type { ClientConnection } from "./event-broadcast.ts";
import { rowChange, rowOf, type PageView } from "./page-view.ts";
import { filterKey, type ReaderFilter } from "./reader-filter.ts";

interface Client {
  readonly connection: ClientConnection;
  readonly connectedAt: number;
  /** It missed updates, and gets a snapshot when it has taken what it was sent. */
  behind: boolean;
}

/** All clients that see the same: one look at the board, one encoding. */
interface Group {
  readonly filter: ReaderFilter;
  readonly rows: number;
  readonly run: string;
  readonly clients: Set<Client>;
  number: number;
  view: PageView;
  /** The view as a snapshot, once somebody asked for it. */
  readonly snapshots: Map<StreamEncoding, Buffer>;
}

export interface PageBroadcast {
  /** Sends a snapshot at once and then what changes. Returns how to leave. */
  connect(connection: ClientConnection, filter: ReaderFilter, rows: number): () => void;
  /** Sends what is overdue: see `catchUp` of the event broadcast. */
  catchUp(): void;
  clients(): number;
  /** Different filters that are being followed. */
  groups(): number;
  /** Whether somebody follows with this filter already. */
  follows(filter: ReaderFilter, rows: number): boolean;
  close(): void;
}

const tickMs = 500;
const longestStreamMs = 3_600_000;

/**
 * What pages show, told to as many as want to look: each half second a group's view is compared with the one
 * before, what changed is encoded once and the same bytes go to all of the group. A client with unsent bytes is passed over; it
 * gets one snapshot when it has taken them, however long that took, so that nothing grows.
 */
export function createPageBroadcast(options: {
  readonly viewOf: (filter: ReaderFilter, rows: number) => PageView;
  readonly clientBufferBytes: number;
  readonly clock: () => number;
  readonly onSkip: (updates: number) => void;
}): PageBroadcast {
  const { viewOf, clientBufferBytes, clock, onSkip } = options;
  const run = randomBytes(6).toString("hex");
  const groups = new Map<string, Group>();
  let timer: NodeJS.Timeout | undefined;
  let dueAt = Number.POSITIVE_INFINITY;
  let closed = false;

  const frameOf = (group: Group, update: Pick<PageUpdate, "kind" | "order" | "rows" | "waits">): string => {
    const whole: PageUpdate = {
      schemaVersion: "v1",
      kind: update.kind,
      serverTime: new Date(clock()).toISOString(),
      summary: group.view.summary,
      ...(update.waits === undefined ? {} : { waits: update.waits }),
      ...(update.order === undefined ? {} : { order: update.order }),
      rows: update.rows,
    };
    return `event: page\nid: ${group.run}-${group.number}\ndata: ${JSON.stringify(whole)}\n\n`;
  };
  const snapshotFor = (group: Group, encoding: StreamEncoding): Buffer => {
    let bytes = group.snapshots.get(encoding);
    if (bytes === undefined) {
      const { rows, waits } = group.view;
      const order = rows.map(({ id }) => id);
      bytes = encodeFrames(frameOf(group, { kind: "snapshot", waits, order, rows: rows.map(rowOf) }), encoding);
      group.snapshots.set(encoding, bytes);
    }
    return bytes;
  };

  /** Undefined when nothing changed. */
  const advance = (group: Group): string | undefined => {
    const before = group.view;
    const view = viewOf(group.filter, group.rows);
    const known = new Map(before.rows.map((row) => [row.id, row]));
    const rows = view.rows.flatMap((row) => {
      const old: PullStatus | undefined = known.get(row.id);
      const change = old === undefined ? rowOf(row) : rowChange(old, row);
      return change === undefined ? [] : [change];
    });
    const moved =
      view.rows.length !== before.rows.length || view.rows.some(({ id }, place) => id !== before.rows[place]?.id);
    const waited = JSON.stringify(view.waits) !== JSON.stringify(before.waits);
    if (rows.length === 0 && !moved && !waited && JSON.stringify(view.summary) === JSON.stringify(before.summary)) {
      return undefined;
    }
    group.view = view;
    group.number += 1;
    group.snapshots.clear();
    return frameOf(group, {
      kind: "changes",
      ...(waited ? { waits: view.waits } : {}),
      ...(moved ? { order: view.rows.map(({ id }) => id) } : {}),
      rows,
    });
  };

  const send = (group: Group, frame: string | undefined): void => {
    const encoded = new Map<StreamEncoding, Buffer>();
    let skipped = 0;
    for (const client of group.clients) {
      const { connection } = client;
      if (performance.now() - client.connectedAt > longestStreamMs) {
        connection.close();
        continue;
      }
      if (client.behind) {
        if (connection.bufferedBytes() > 0) {
          if (frame !== undefined) skipped += 1;
          continue;
        }
        client.behind = false;
        connection.sendEncoded(snapshotFor(group, connection.encoding));
      } else if (frame === undefined) continue;
      else if (connection.bufferedBytes() >= clientBufferBytes) {
        client.behind = true;
        skipped += 1;
        continue;
      } else {
        let bytes = encoded.get(connection.encoding);
        if (bytes === undefined) encoded.set(connection.encoding, (bytes = encodeFrames(frame, connection.encoding)));
        connection.sendEncoded(bytes);
      }
    }
    if (skipped > 0) onSkip(skipped);
  };

  const tick = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const begun = performance.now();
    for (const [key, group] of groups) {
      if (group.clients.size === 0) groups.delete(key);
      else send(group, advance(group));
    }
    const took = performance.now() - begun;
    // Very many groups or clients make it coarser, so that half of the time is left for reports.
    if (groups.size > 0) schedule(Math.max(tickMs - took, took));
  };
  const schedule = (delayMs: number): void => {
    if (closed || timer !== undefined) return;
    dueAt = performance.now() + delayMs;
    timer = setTimeout(tick, delayMs);
    timer.unref();
  };
  const keyOf = (filter: ReaderFilter, rows: number): string => `${rows} ${filterKey(filter)}`;

  return {
    connect(connection, filter, rows) {
      const key = keyOf(filter, rows);
      let group = groups.get(key);
      if (group === undefined) {
        const name = createHash("sha256").update(`${run}${key}`).digest("hex").slice(0, 8);
        group = {
          filter,
          rows,
          // Not the form of an event's id, so that neither is taken for the other.
          run: `${run}.${name}`,
          clients: new Set(),
          number: 1,
          view: viewOf(filter, rows),
          snapshots: new Map(),
        };
        groups.set(key, group);
      }
      const client: Client = { connection, connectedAt: performance.now(), behind: false };
      const { clients } = group;
      clients.add(client);
      connection.sendEncoded(snapshotFor(group, connection.encoding));
      schedule(tickMs);
      return () => clients.delete(client);
    },
    catchUp() {
      if (timer !== undefined && performance.now() > dueAt) tick();
    },
    clients() {
      let count = 0;
      for (const group of groups.values()) count += group.clients.size;
      return count;
    },
    groups: () => groups.size,
    follows: (filter, rows) => groups.has(keyOf(filter, rows)),
    close() {
      closed = true;
      clearTimeout(timer);
      for (const { clients } of groups.values()) for (const { connection } of clients) connection.close();
      groups.clear();
    },
  };
}
