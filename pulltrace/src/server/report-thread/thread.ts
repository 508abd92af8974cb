import { setTimeout as sleep } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { formatAddress, type Address, type Network } from "@waybill/foundation/config";
import type { HealthCheck } from "@waybill/foundation/http";
import type { ServerLimits } from "../limits.ts";
import { launchThread, type LaunchedThread, type ThreadEvents } from "./launch.ts";
import type { ThreadOrder } from "./protocol.ts";

export interface ReportThreadOptions extends ThreadEvents {
  readonly address: Address;
  readonly limits: ServerLimits;
  /** What agents must send as a Bearer token; empty or absent: none. */
  readonly agentToken?: string;
  readonly serviceAccounts?: readonly string[];
  /** Refuse foreign host names and cross-site requests. */
  readonly hostGuard: boolean;
  /** Proxies whose word on who the client is counts. */
  readonly trustedProxies: readonly Network[];
  /** Milliseconds before a thread that ended is started again, and twice as many each time after; 1 s when absent. */
  readonly restartMs?: number;
}

/** An address of its own for agents' reports, with a thread of its own that reads and checks them. */
export interface ReportThread {
  /** `http://127.0.0.1:8081` */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Fails while the thread is away or makes no progress. */
  readonly health: HealthCheck;
  /** The thread that runs now; for tests that end it. */
  worker(): Worker | undefined;
  /** Lets running requests finish. */
  close(): Promise<void>;
}

const longestRestartMs = 30_000;
/** Who lived so long begins anew with the shortest pause. */
const steadyMs = 60_000;

/** @throws UserError when the address cannot be listened on. */
export async function startReportThread(options: ReportThreadOptions): Promise<ReportThread> {
  const { log, restartMs = 1_000 } = options;
  const order = (address: Address): ThreadOrder => ({
    address,
    limits: options.limits,
    ...(options.agentToken === undefined ? {} : { agentToken: options.agentToken }),
    ...(options.serviceAccounts === undefined ? {} : { serviceAccounts: options.serviceAccounts }),
    hostGuard: options.hostGuard,
    trustedProxies: options.trustedProxies,
    log: { level: log.level as ThreadOrder["log"]["level"], name: "pulltrace-reports" },
  });
  const first = await launchThread(order(options.address), options);
  const { host, port } = first;
  const closing = new AbortController();
  let running: LaunchedThread | undefined = first;

  /** A thread that ends takes nothing with it but reports that have no answer yet: their agents send them again. */
  const watch = async (): Promise<void> => {
    let pauseMs = restartMs;
    let startedAt = performance.now();
    for (;;) {
      const reason = await running?.ended;
      if (closing.signal.aborted) return;
      if (performance.now() - startedAt > steadyMs) pauseMs = restartMs;
      running = undefined;
      log.error({ err: reason, pauseMs }, "the thread that takes reports has ended; it is started again");
      await sleep(pauseMs, undefined, { ref: false });
      if (closing.signal.aborted) return;
      pauseMs = Math.min(longestRestartMs, 2 * pauseMs);
      startedAt = performance.now();
      try {
        running = await launchThread(order({ ...options.address, port }), options);
        log.info({ port }, "the thread that takes reports runs again");
      } catch (err) {
        log.error({ err, pauseMs }, "the thread that takes reports cannot be started");
      }
    }
  };
  const watching = watch();

  return {
    url: `http://${formatAddress({ host, port })}`,
    host,
    port,
    health: {
      name: "pulltrace-reports",
      async check(signal) {
        if (running === undefined) throw new Error("the thread that takes reports has ended and is started again");
        await running.ping(signal);
      },
    },
    worker: () => running?.worker,
    async close() {
      closing.abort();
      await running?.close();
      await watching;
    },
  };
}
