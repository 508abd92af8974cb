import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { asProblem, Problem } from "@waybill/foundation/errors";
import { admitAgent, credentialsOf, guardHost, readIncoming, requestIdOf } from "@waybill/foundation/http";
import type { Logger } from "@waybill/foundation/telemetry";
import type { ClientAddress } from "../client-address.ts";
import { refusalOf } from "../refusal.ts";
import type { ReportRequest } from "../report-intake.ts";

const reportPath = "/api/v1/report";

/**
 * `POST /api/v1/report` and nothing else, with as little around it as can be: thousands of nodes come through here each
 * second. Same entrance and same answers as the route of the server's own address.
 */
export function createReportDoor(options: {
  readonly intake: (request: ReportRequest) => Promise<void>;
  readonly addressOf: ClientAddress;
  /** Empty or absent: agents need no token. */
  readonly agentToken?: string;
  /** Refuse foreign host names and cross-site requests. */
  readonly hostGuard: boolean;
  /** A report was not let in. */
  readonly refused: () => void;
  readonly log: Logger;
}): RequestListener {
  const { intake, addressOf, agentToken, hostGuard, refused, log } = options;

  const take = async (incoming: IncomingMessage): Promise<void> => {
    const { method = "", url = "" } = incoming;
    if (url !== reportPath && url.split("?", 1)[0] !== reportPath) throw notFound();
    if (method !== "POST") throw notAllowed(method);
    const header = (name: string): string | undefined => {
      const value = incoming.headers[name];
      return typeof value === "object" ? value.join(", ") : value;
    };
    const headers = { get: (name: string): string | null => header(name) ?? null };
    const foreign = hostGuard ? guardHost(headers, method) : undefined;
    if (foreign !== undefined) throw foreign;
    try {
      admitAgent(agentToken, credentialsOf(headers, method));
    } catch (error) {
      refused();
      throw error;
    }
    await intake({
      client: `address ${addressOf(incoming.socket.remoteAddress, header("x-forwarded-for"))}`,
      header,
      body: (limitBytes) => readIncoming(incoming, limitBytes),
    });
  };

  const refuse = (error: unknown, incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const problem = asProblem(error);
    const { status, detail } = problem;
    const sentId = incoming.headers["x-request-id"];
    const requestId = requestIdOf(typeof sentId === "string" ? sentId : undefined);
    if (status >= 500 && problem.cause !== undefined) log.error({ err: problem.cause, requestId }, detail);
    else log.debug({ requestId, status }, detail);
    if (outgoing.headersSent || outgoing.destroyed) return;
    const { body, headers } = refusalOf(problem, requestId);
    outgoing.writeHead(status, {
      ...headers,
      "content-length": String(Buffer.byteLength(body)),
      "x-request-id": requestId,
      "x-content-type-options": "nosniff",
    });
    outgoing.end(body);
  };

  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    try {
      await take(incoming);
    } catch (error) {
      refuse(error, incoming, outgoing);
      return;
    }
    // As at the usual address: to the older program's agents anything but 200 is a failure.
    outgoing.writeHead(200, { "content-length": "0" });
    outgoing.end();
  };
  return (incoming, outgoing) => void answer(incoming, outgoing);
}

function notFound(): Problem {
  return new Problem({
    code: "PT-404",
    status: 404,
    title: "Not found",
    detail: `This address takes agents' reports alone: POST ${reportPath}.`,
  });
}

function notAllowed(method: string): Problem {
  return new Problem({
    code: "PT-405",
    status: 405,
    title: "Method not allowed",
    detail: `${method} is not allowed here; POST is.`,
    headers: { allow: "POST" },
  });
}
