import { Problem } from "@waybill/foundation/errors";
import type { AgentReport, ReportedPull } from "../contract/index.ts";
import { checkSpeaker, type AgentIdentity } from "./agent-identity.ts";
import type { ClientLimits } from "./client-limits.ts";
import type { ServerLimits } from "./limits.ts";
import { noPlace } from "./refusal.ts";
import { readReport, type SentReport } from "./report-body.ts";

/** A request that brings a report, whichever listener took it. */
export interface ReportRequest extends SentReport {
  /** Who sent it, for the limits per client. */
  readonly client: string;
}

export interface ReportIntakeOptions {
  readonly limits: ServerLimits;
  readonly clients: ClientLimits;
  /** Asks each agent for its own node; absent: whoever came so far may speak for every node. */
  readonly agents?: AgentIdentity;
  /** The pulls that a node reported last. */
  readonly known: (nodeName: string) => readonly ReportedPull[] | undefined;
  /** False when there is no place for another node. */
  readonly take: (report: AgentReport) => boolean | Promise<boolean>;
  /** A report was not taken. */
  readonly refused: () => void;
}

/**
 * What happens to a report between its arrival and its answer. Resolves when it was taken.
 * @throws Problem 400, 401, 403, 413, 415, 429 or 503: what its sender is told.
 */
export function createReportIntake(options: ReportIntakeOptions): (request: ReportRequest) => Promise<void> {
  const { limits, clients, agents, known } = options;
  return async (request) => {
    let { client } = request;
    try {
      clients.mayReport(client);
      const ownNode = agents === undefined ? undefined : await agents.nodeOf(request.header("authorization"));
      if (ownNode !== undefined) {
        // Who proved its node answers for it alone: behind a proxy all agents have one address.
        client = `node ${ownNode}`;
        clients.mayReport(client);
      }
      const report = await readReport(request, limits, known);
      if (ownNode !== undefined) checkSpeaker(ownNode, report.nodeName);
      clients.report(report.nodeName);
      if (!(await options.take(report))) throw noPlace(`The server keeps at most ${limits.nodes} nodes.`);
    } catch (error) {
      options.refused();
      if (error instanceof Problem && error.status < 429) clients.badReport(client);
      throw error;
    }
  };
}
