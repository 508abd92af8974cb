import { existsSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { UserError } from "@waybill/foundation/errors";
import type { Logger } from "@waybill/foundation/telemetry";
import type { AgentReport } from "../../contract/index.ts";
import type { AgentIdentityOptions } from "../agent-identity.ts";
import { createBatchReader, type ReportBatch } from "./batch.ts";
import { keptBounds, type FromThread, type Outcome, type ThreadOrder, type ToThread } from "./protocol.ts";

/** Bundled, the thread's program stands beside the server's. */
const program = ["report.worker.ts", "report.worker.cjs"]
  .map((name) => join(import.meta.dirname, name))
  .find((path) => existsSync(path));

export interface ThreadEvents {
  /** Merges reports, each of which was checked. */
  reports(reports: readonly AgentReport[], refused: number): Outcome;
  readonly review: AgentIdentityOptions["review"] | undefined;
  readonly log: Logger;
}

/** One run of the thread. */
export interface LaunchedThread {
  readonly worker: Worker;
  readonly host: string;
  readonly port: number;
  /** Why it ended; never rejects. */
  readonly ended: Promise<Error>;
  /** Resolves when its event loop has come around. */
  ping(signal: AbortSignal): Promise<void>;
  /** Lets running requests finish. */
  close(): Promise<void>;
}

/** Longer than the listener's own time to drain. */
const closeMs = 12_000;

/** @throws UserError when it cannot listen, with the system's error as its cause. */
export async function launchThread(order: ThreadOrder, events: ThreadEvents): Promise<LaunchedThread> {
  if (program === undefined) throw new Error(`the program of the thread is not in ${import.meta.dirname}`);
  const worker = new Worker(program, { name: "pulltrace-reports", workerData: order });
  const post = (message: ToThread): void => worker.postMessage(message, []);
  const reader = createBatchReader(keptBounds(order.limits));
  const pings = new Map<number, () => void>();
  let nextPing = 0;

  const merge = (batch: ReportBatch, refused: number): void => {
    post({ kind: "taken", ...events.reports(reader.read(batch), refused) });
  };
  const ask = async (id: number, token: string): Promise<void> => {
    try {
      const agent = await events.review?.(token);
      post({ kind: "reviewed", id, ...(agent === undefined ? {} : { agent }) });
    } catch {
      post({ kind: "reviewed", id, failed: true });
    }
  };

  let reason: Error | undefined;
  const ended = new Promise<Error>((resolve) => {
    worker.once("exit", (code) => resolve(reason ?? new Error(`it ended with code ${code}`)));
  });
  worker.once("error", (error) => {
    reason = error instanceof Error ? error : new Error(String(error));
  });
  const listening = new Promise<{ readonly host: string; readonly port: number }>((resolve, reject) => {
    worker.on("message", (message: FromThread) => {
      try {
        if (message.kind === "reports") merge(message.batch, message.refused);
        else if (message.kind === "review") void ask(message.id, message.token);
        else if (message.kind === "log") relay(message.line, events.log);
        else if (message.kind === "listening") resolve(message);
        else if (message.kind === "alive") pings.get(message.id)?.();
        else {
          const cause = Object.assign(new Error(message.message), { code: message.code });
          reject(new UserError(message.message, message.advice, { cause }));
        }
      } catch (error) {
        // The two sides do not agree any more: a new thread begins with nothing.
        reason = error instanceof Error ? error : new Error(String(error));
        void worker.terminate();
      }
    });
    void ended.then(reject);
  });
  const { host, port } = await listening;

  return {
    worker,
    host,
    port,
    ended,
    async ping(signal) {
      const id = nextPing++;
      try {
        await new Promise<void>((resolve, reject) => {
          pings.set(id, resolve);
          signal.addEventListener("abort", () => reject(new Error("it does not answer")), { once: true });
          post({ kind: "ping", id });
        });
      } finally {
        pings.delete(id);
      }
    },
    async close() {
      post({ kind: "close" });
      const deadline = setTimeout(() => void worker.terminate(), closeMs);
      await ended;
      clearTimeout(deadline);
    },
  };
}

const levels = ["debug", "info", "warn", "error"] as const;

/** A line of the thread's log, told by the log of all. */
function relay(line: string, log: Logger): void {
  const { level, msg, time: _, name: __, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const known = levels.find((one) => one === level) ?? "error";
  log[known](fields, String(msg));
}
