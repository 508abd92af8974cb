import type { Logger } from "@waybill/foundation/telemetry";
import type { Database } from "@waybill/foundation/database";
import type { Speeds } from "../../answers/index.ts";
import type { PullStatus } from "../../contract/index.ts";
import type { FinishedPull } from "../node.ts";
import { openStateDatabase } from "./open.ts";
import type { StateTables } from "./tables.ts";

export interface StoredPull extends FinishedPull {
  readonly nodeName: string;
}

/** A running pull goes on under the id of the row in which its pods waited for it. */
export interface Adoption {
  readonly nodeName: string;
  /** The id that the pull has by itself, the same for every run of the server. */
  readonly ownId: string;
  readonly id: string;
}

/** What an earlier run of the server left. */
export interface RestoredState {
  /** Oldest end first. */
  readonly pulls: readonly StoredPull[];
  readonly fleet?: Speeds;
  readonly nodes: ReadonlyMap<string, Speeds>;
  readonly adopted: readonly Adoption[];
}

/** What outlives the process: finished pulls and learned speeds. Running pulls come back with the agents' reports. */
export interface PullState {
  readonly restored: RestoredState;
  /** Takes a pull that ended; it is on disk a second later. False when too many wait for the disk. */
  ended(pull: StoredPull): boolean;
  /** Takes an adoption, likewise: the pull may outlive the server. */
  adopted(adoption: Adoption): boolean;
  /** Resolves when what ended until now is on disk, or could not be written. */
  settled(): Promise<void>;
  /** Called every minute and in the end for what was learned by then: nodes that changed since are written. */
  learnFrom(source: () => LearnedSpeeds): void;
  /** Writes what waits, and lets go of the file. */
  close(): Promise<void>;
}

export interface LearnedSpeeds {
  readonly fleet: Speeds;
  readonly nodes: Iterable<readonly [nodeName: string, speeds: Speeds]>;
}

export interface PullStateOptions {
  /** Made when absent. */
  readonly folder: string;
  readonly historyTtlMs: number;
  readonly log: Logger;
  /** Pulls kept on disk. */
  readonly pulls?: number;
  readonly clock?: () => number;
  readonly flushMs?: number;
}

const flushMs = 1_000;
const tidyMs = 60_000;
const rowsPerStatement = 200;
/** As many as a thousand nodes finish in some seconds; a disk that hangs longer costs history, not memory. */
const mostWaiting = 20_000;
const mostPulls = 40_000;
/** A node's speeds of last week say little; one that is gone should not stay for ever. */
const speedsTtlMs = 7 * 24 * 3_600_000;
/** No pull takes longer. */
const adoptedTtlMs = 24 * 3_600_000;

/** @throws UserError the folder cannot be written, MigrationError the file belongs to a newer version. */
export async function openPullState(options: PullStateOptions): Promise<PullState> {
  const clock = options.clock ?? Date.now;
  const database = await openStateDatabase(options.folder, options.log, clock());
  const restored = await restore(database, clock(), options);
  return new StateFile(database, restored, clock, options);
}

class StateFile implements PullState {
  readonly restored: RestoredState;
  private readonly database: Database<StateTables>;
  private readonly clock: () => number;
  private readonly options: PullStateOptions;
  private readonly flushTimer: NodeJS.Timeout;
  private readonly tidyTimer: NodeJS.Timeout;
  private waiting: StoredPull[] = [];
  private waitingAdoptions: StateTables["adopted_id"][] = [];
  private source: (() => LearnedSpeeds) | undefined;
  /** What is on disk of each node: unchanged speeds are the same object. */
  private written = new Map<string, Speeds>();
  private work: Promise<void> = Promise.resolve();
  private failing = false;

  constructor(
    database: Database<StateTables>,
    restored: RestoredState,
    clock: () => number,
    options: PullStateOptions,
  ) {
    this.database = database;
    this.restored = restored;
    this.clock = clock;
    this.options = options;
    this.flushTimer = setInterval(() => void this.next(() => this.flush()), options.flushMs ?? flushMs);
    this.tidyTimer = setInterval(() => void this.next(() => this.tidy()), tidyMs);
    this.flushTimer.unref();
    this.tidyTimer.unref();
  }

  ended(pull: StoredPull): boolean {
    if (this.waiting.length >= mostWaiting) return false;
    this.waiting.push(pull);
    return true;
  }

  adopted({ nodeName, ownId, id }: Adoption): boolean {
    if (this.waitingAdoptions.length >= mostWaiting) return false;
    this.waitingAdoptions.push({ node_name: nodeName, own_id: ownId, id, adopted_at: this.clock() });
    return true;
  }

  learnFrom(source: () => LearnedSpeeds): void {
    this.source = source;
  }

  settled(): Promise<void> {
    return this.next(() => this.flush());
  }

  async close(): Promise<void> {
    clearInterval(this.flushTimer);
    clearInterval(this.tidyTimer);
    await this.next(() => this.flush());
    await this.next(() => this.tidy());
    await this.database.close();
  }

  /** One after the other; a disk that fails is said once, and what was to be written waits. */
  private next(write: () => Promise<void>): Promise<void> {
    const before = this.work;
    this.work = (async (): Promise<void> => {
      await before;
      try {
        await write();
        if (this.failing) this.options.log.info("the state is written again");
        this.failing = false;
      } catch (err) {
        if (!this.failing) this.options.log.error({ err }, "the state cannot be written: check the folder's disk");
        this.failing = true;
      }
    })();
    return this.work;
  }

  private async flush(): Promise<void> {
    const pulls = this.waiting;
    const adoptions = this.waitingAdoptions;
    if (pulls.length + adoptions.length === 0) return;
    this.waiting = [];
    this.waitingAdoptions = [];
    try {
      await this.database.transaction(async (tx) => {
        for (let from = 0; from < pulls.length; from += rowsPerStatement) {
          const rows = pulls.slice(from, from + rowsPerStatement).map((pull) => ({
            id: pull.status.id,
            node_name: pull.nodeName,
            key: pull.key,
            ended_at: pull.endedAt,
            ended_by: pull.endedBy,
            status: JSON.stringify(pull.status),
          }));
          await tx.replaceInto("finished_pull").values(rows).execute();
        }
        for (let from = 0; from < adoptions.length; from += rowsPerStatement)
          await tx
            .replaceInto("adopted_id")
            .values(adoptions.slice(from, from + rowsPerStatement))
            .execute();
      });
    } catch (error) {
      this.waiting = [...pulls, ...this.waiting].slice(-mostWaiting);
      this.waitingAdoptions = [...adoptions, ...this.waitingAdoptions].slice(-mostWaiting);
      throw error;
    }
  }

  private async tidy(): Promise<void> {
    const now = this.clock();
    const learned = this.source?.();
    const written = new Map<string, Speeds>();
    await this.database.transaction(async (tx) => {
      await tx
        .deleteFrom("finished_pull")
        .where("ended_at", "<", now - this.options.historyTtlMs)
        .execute();
      const last = await tx
        .selectFrom("finished_pull")
        .select("ended_at")
        .orderBy("ended_at", "desc")
        .offset(this.options.pulls ?? mostPulls)
        .limit(1)
        .executeTakeFirst();
      if (last !== undefined) await tx.deleteFrom("finished_pull").where("ended_at", "<=", last.ended_at).execute();
      await tx
        .deleteFrom("learned_speed")
        .where("learned_at", "<", now - speedsTtlMs)
        .execute();
      await tx
        .deleteFrom("adopted_id")
        .where("adopted_at", "<", now - adoptedTtlMs)
        .execute();
      if (learned === undefined) return;
      const rows: StateTables["learned_speed"][] = [];
      for (const [node_name, speeds] of [["", learned.fleet] as const, ...learned.nodes]) {
        written.set(node_name, speeds);
        if (this.written.get(node_name) !== speeds)
          rows.push({ node_name, learned_at: now, speeds: JSON.stringify(speeds) });
      }
      for (let from = 0; from < rows.length; from += rowsPerStatement)
        await tx
          .replaceInto("learned_speed")
          .values(rows.slice(from, from + rowsPerStatement))
          .execute();
    });
    this.written = written;
  }
}

async function restore(
  database: Database<StateTables>,
  now: number,
  options: PullStateOptions,
): Promise<RestoredState> {
  const ended = await database.read
    .selectFrom("finished_pull")
    .selectAll()
    .where("ended_at", ">=", now - options.historyTtlMs)
    .orderBy("ended_at", "desc")
    .limit(options.pulls ?? mostPulls)
    .execute();
  const speeds = await database.read
    .selectFrom("learned_speed")
    .selectAll()
    .where("learned_at", ">=", now - speedsTtlMs)
    .execute();
  const adoptions = await database.read
    .selectFrom("adopted_id")
    .selectAll()
    .where("adopted_at", ">=", now - adoptedTtlMs)
    .orderBy("adopted_at", "desc")
    .limit(options.pulls ?? mostPulls)
    .execute();
  const adopted = adoptions.map(({ node_name: nodeName, own_id: ownId, id }) => ({ nodeName, ownId, id }));
  const nodes = new Map(
    speeds.flatMap((row) => parsed(row.speeds).map((known) => [row.node_name, known as Speeds] as const)),
  );
  const fleet = nodes.get("");
  nodes.delete("");
  const pulls = ended.toReversed().flatMap((row) =>
    parsed(row.status).map((status): StoredPull => ({
      nodeName: row.node_name,
      key: row.key,
      // A clock that was set back must not keep them longer than their time.
      endedAt: Math.min(now, row.ended_at),
      endedBy: row.ended_by === "agent" ? "agent" : "server",
      status: status as PullStatus,
    })),
  );
  return { pulls, nodes, adopted, ...(fleet === undefined ? {} : { fleet }) };
}

/** Nothing for a text that is no JSON: SQLite does not notice every damage. */
function parsed(text: string): readonly unknown[] {
  try {
    return [JSON.parse(text) as unknown];
  } catch {
    return [];
  }
}
