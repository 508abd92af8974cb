import { promisify } from "node:util";
import { gunzip, gunzipSync } from "node:zlib";
import { Problem } from "@waybill/foundation/errors";
import type { AgentReport, ReportedPull } from "../contract/index.ts";
import type { ServerLimits } from "./limits.ts";
import { checkReport } from "./report.ts";

const inflateAside = promisify(gunzip);
/** Inflating so little takes less time than handing it to another thread; what is larger must not hold up the rest. */
const inflatedHereBytes = 256 * 1024;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** What of a request says what it brings. */
export interface SentReport {
  /** A header of the request, by its name in small letters. */
  header(name: string): string | undefined;
  /** The whole body. @throws Problem 413 as soon as it is known to be larger, 400 when it ends before its length. */
  body(limitBytes: number): Promise<Uint8Array>;
}

/**
 * The report in a request's body, plain or gzip'ed; `known` gives the pulls that a node reported last.
 * @throws Problem 400 (JSON, names, numbers: `errors` says where), 403 (sent by a web page), 413 (as sent or
 * inflated), 415 (another encoding).
 */
export async function readReport(
  request: SentReport,
  limits: ServerLimits,
  known: (nodeName: string) => readonly ReportedPull[] | undefined,
): Promise<AgentReport> {
  // Without a token anyone on the machine may report, but not a page in its browser: agents send neither header.
  if (request.header("origin") !== undefined || request.header("sec-fetch-site") !== undefined) {
    throw new Problem({
      code: "PT-403",
      status: 403,
      title: "Not an agent",
      detail: "Reports are taken from agents, not from web pages.",
    });
  }
  const sent = await request.body(limits.reportBytes);
  const plain = await inflated(sent, request.header("content-encoding"), limits.inflatedReportBytes);
  const check = checkReport(parsed(plain), limits, known);
  if ("report" in check) return check.report;
  const first = check.faults[0];
  throw new Problem({
    code: "PT-400",
    status: 400,
    title: "Bad report",
    detail:
      first === undefined
        ? "The report is not valid."
        : `${first.pointer === "" ? "The body" : first.pointer}: ${first.detail}.`,
    errors: check.faults,
  });
}

async function inflated(sent: Uint8Array, encoding: string | undefined, limitBytes: number): Promise<Uint8Array> {
  const name = encoding?.trim().toLowerCase() ?? "identity";
  if (name === "identity" || name === "") return sent;
  if (name !== "gzip") {
    throw new Problem({
      code: "PT-415",
      status: 415,
      title: "Unknown encoding",
      detail: "Content-Encoding may be gzip or absent.",
    });
  }
  try {
    return (
      inflatedHere(sent, Math.min(limitBytes, inflatedHereBytes)) ??
      (await inflateAside(sent, { maxOutputLength: limitBytes }))
    );
  } catch (error) {
    if (error instanceof RangeError) {
      throw new Problem({
        code: "PT-413",
        status: 413,
        title: "Body too large",
        detail: `The inflated report may have at most ${limitBytes} bytes.`,
      });
    }
    throw new Problem({ code: "PT-400", status: 400, title: "Bad report", detail: "The body is not valid gzip." });
  }
}

/** Undefined when it is larger than that. */
function inflatedHere(sent: Uint8Array, mostBytes: number): Uint8Array | undefined {
  if (sent.byteLength > mostBytes) return undefined;
  try {
    return gunzipSync(sent, { maxOutputLength: mostBytes });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes)) as unknown;
  } catch {
    throw new Problem({ code: "PT-400", status: 400, title: "Bad report", detail: "The body is not valid JSON." });
  }
}
