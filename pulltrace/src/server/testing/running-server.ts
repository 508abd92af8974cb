import { openAuthenticator, type Authenticator } from "@waybill/foundation/auth";
import { createApp, healthGroup, startServer } from "@waybill/foundation/http";
import { createRegistry } from "@waybill/foundation/telemetry";
import { silentLogger } from "@waybill/foundation/testing";
import { onTestFinished } from "vitest";
import type { NodeStatus, PullList } from "../../contract/index.ts";
import { createPullServer, type PullServerOptions } from "../server.ts";
import { noon } from "./reports.ts";

export type ReportAddress = "shared" | "own";

/** A pull server on a free port until the test ends, with a clock that the test moves. */
export async function runningServer(
  options: Partial<PullServerOptions> & {
    readonly authenticator?: Authenticator;
    /** Where `post` sends reports: to the address of all, or to their own with its thread. */
    readonly reports?: ReportAddress;
  } = {},
) {
  const registry = createRegistry();
  const log = silentLogger();
  let now = noon;
  const server = createPullServer({
    historyTtlMs: 60_000,
    log,
    registry,
    clock: () => now,
    ...options,
    // Tests hurry as no client does; those of the rates set them.
    limits: { requestsPerClient: 1e6, reportsPerNode: 1e6, badReportsPerClient: 1e6, ...options.limits },
  });
  const reports = options.reports === "own" ? await server.takeReportsAt({ host: "127.0.0.1", port: 0 }) : undefined;
  const app = createApp({
    groups: [server.group, healthGroup([server.health, ...(reports === undefined ? [] : [reports.health])])],
    authenticator: options.authenticator ?? openAuthenticator(),
    log,
  });
  const http = await startServer({ app, address: { host: "127.0.0.1", port: 0 }, log, drainTimeoutMs: 20 });
  const reportUrl = reports?.url ?? http.url;
  let open = true;
  const close = async (): Promise<void> => {
    if (!open) return;
    open = false;
    await reports?.close();
    server.close();
    await http.close();
  };
  onTestFinished(close);
  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${http.url}${path}`, { headers });
  return {
    url: http.url,
    /** Where `post` sends reports. */
    reportUrl,
    reports,
    server,
    get,
    pass: (milliseconds: number): void => {
      now += milliseconds;
    },
    post: (body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
      fetch(`${reportUrl}/api/v1/report`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body:
          typeof body === "string" || body instanceof Uint8Array
            ? new Uint8Array(Buffer.from(body))
            : JSON.stringify(body),
      }),
    list: async (query = "", headers: Record<string, string> = {}): Promise<PullList> =>
      (await (await get(`/api/v1/pulls${query}`, headers)).json()) as PullList,
    nodes: async (): Promise<readonly NodeStatus[]> =>
      ((await (await get("/api/v1/nodes")).json()) as { nodes: readonly NodeStatus[] }).nodes,
    metric: async (name: string): Promise<number | undefined> => {
      const line = (await registry.metrics()).split("\n").find((text) => text.startsWith(`${name} `));
      return line === undefined ? undefined : Number(line.split(" ")[1]);
    },
    /** Names of all series with their labels, sorted. */
    series: async (): Promise<readonly string[]> =>
      (await registry.metrics())
        .split("\n")
        .flatMap((line) => (line === "" || line.startsWith("#") ? [] : [line.slice(0, line.lastIndexOf(" "))]))
        .toSorted(),
    close,
  };
}
