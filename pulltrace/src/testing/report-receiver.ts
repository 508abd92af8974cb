import { createServer, type IncomingHttpHeaders } from "node:http";
import { gunzipSync } from "node:zlib";
import type { AgentReport } from "../contract/index.ts";

export interface TakenReport {
  readonly report: AgentReport;
  readonly headers: IncomingHttpHeaders;
  /** Path that it was sent to. */
  readonly url: string;
}

/** Takes reports as the server does, and keeps them, oldest first. */
export interface ReportReceiver {
  readonly url: string;
  readonly taken: readonly TakenReport[];
  close(): Promise<void>;
}

/**
 * @param answer status for the report of this number (1, 2, …), or `hold` for no answer; 200 when left out
 * @param onReport gets each report at once
 */
export async function startReportReceiver(
  options: {
    readonly answer?: (count: number) => number | "hold";
    readonly onReport?: (report: AgentReport) => void;
  } = {},
): Promise<ReportReceiver> {
  const taken: TakenReport[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      const plain = request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
      const report = JSON.parse(plain.toString()) as AgentReport;
      taken.push({ report, headers: request.headers, url: request.url ?? "" });
      options.onReport?.(report);
      const status = options.answer?.(taken.length) ?? 200;
      if (status === "hold") return;
      const problem = status < 300 ? undefined : JSON.stringify({ detail: "no" });
      response.writeHead(status, problem === undefined ? {} : { "content-type": "application/problem+json" });
      response.end(problem);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the receiver has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    taken,
    close() {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
