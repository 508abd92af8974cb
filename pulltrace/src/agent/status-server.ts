import { createServer, type ServerResponse } from "node:http";
import type { Address } from "@waybill/foundation/config";

export interface StatusFacts {
  readonly metrics: readonly { name: string; help: string; kind: "counter" | "gauge"; value: number }[];
  /** What does not work, if anything. */
  readonly troubles: readonly string[];
}

export interface StatusServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * `/metrics`, `/healthz` and `/readyz` of an agent, on Node's own server: a framework and a metrics library would be a
 * fifth of the agent's memory, for a page of numbers.
 */
export async function startStatusServer(address: Address, facts: () => StatusFacts): Promise<StatusServer> {
  const server = createServer(
    { maxHeaderSize: 8_192, headersTimeout: 5_000, requestTimeout: 5_000 },
    (request, response) => {
      request.resume();
      const path = (request.url ?? "").split("?", 1)[0];
      if (request.method !== "GET" && request.method !== "HEAD") return answer(response, 405, "only GET\n");
      if (path === "/healthz") return answer(response, 200, "ok\n");
      if (path === "/readyz") {
        const { troubles } = facts();
        return answer(
          response,
          troubles.length === 0 ? 200 : 503,
          troubles.length === 0 ? "ok\n" : `${troubles.join("\n")}\n`,
        );
      }
      if (path === "/metrics")
        return answer(response, 200, exposition(facts()), "text/plain; version=0.0.4; charset=utf-8");
      return answer(response, 404, "here are /metrics, /healthz and /readyz\n");
    },
  );
  server.maxConnections = 64;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address.port, ...(address.host === "" ? [] : [address.host]), resolve);
  });
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
  return {
    url: `http://${address.host === "" ? "127.0.0.1" : address.host}:${port}`,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function answer(response: ServerResponse, status: number, text: string, type = "text/plain; charset=utf-8"): void {
  response.writeHead(status, { "content-type": type, "x-content-type-options": "nosniff" });
  response.end(text);
}

/** Prometheus text format 0.0.4. */
function exposition(facts: StatusFacts): string {
  return facts.metrics
    .map(
      (metric) =>
        `# HELP ${metric.name} ${metric.help}\n# TYPE ${metric.name} ${metric.kind}\n${metric.name} ${metric.value}\n`,
    )
    .join("");
}
