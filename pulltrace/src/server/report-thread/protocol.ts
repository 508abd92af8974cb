import type { Address, LogLevel, Network } from "@waybill/foundation/config";
import type { ReviewedAgent } from "../agent-identity.ts";
import type { ServerLimits } from "../limits.ts";
import type { ReportBatch } from "./batch.ts";

/** What the thread is told at its start. */
export interface ThreadOrder {
  readonly address: Address;
  readonly limits: ServerLimits;
  readonly agentToken?: string;
  /** `namespace/name` of the service accounts that agents run as; absent: agents are not known one by one. */
  readonly serviceAccounts?: readonly string[];
  readonly hostGuard: boolean;
  readonly trustedProxies: readonly Network[];
  readonly log: { readonly level: LogLevel | "silent"; readonly name: string };
}

export type FromThread =
  | { readonly kind: "listening"; readonly host: string; readonly port: number }
  | {
      readonly kind: "failed";
      readonly message: string;
      readonly advice?: string;
      /** Of the system's error, such as `EADDRINUSE`. */
      readonly code?: string;
    }
  /** Reports that were checked, and how many were refused since the last time. Each is answered by an `Outcome`, in order. */
  | { readonly kind: "reports"; readonly batch: ReportBatch; readonly refused: number }
  /** Asks Kubernetes whose token this is. */
  | { readonly kind: "review"; readonly id: number; readonly token: string }
  /** A line of the thread's log, as JSON. */
  | { readonly kind: "log"; readonly line: string }
  | { readonly kind: "alive"; readonly id: number };

/** What became of a batch: places in it of reports for which there was no room, and of those that could not be merged. */
export interface Outcome {
  readonly unplaced: readonly number[];
  readonly failed: readonly number[];
}

export type ToThread =
  | ({ readonly kind: "taken" } & Outcome)
  | { readonly kind: "reviewed"; readonly id: number; readonly agent?: ReviewedAgent; readonly failed?: true }
  | { readonly kind: "ping"; readonly id: number }
  /** Lets running requests finish, then ends. */
  | { readonly kind: "close" };

/** Both sides keep the same reports in mind, so both take the bounds from here. */
export function keptBounds({ nodes, layers }: ServerLimits): { readonly nodes: number; readonly layers: number } {
  return { nodes, layers };
}
