import { readFile } from "node:fs/promises";
import { Writable } from "node:stream";
import { readSettings } from "@waybill/foundation/config";
import { createLogger, createRegistry } from "@waybill/foundation/telemetry";
import { silentLogger } from "@waybill/foundation/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { defaultLimits } from "./limits.ts";
import { createPullServer } from "./server.ts";
import { serverSettings } from "../settings/index.ts";
import { eventsIn, numberIn, readEvents } from "./testing/event-reader.ts";
import { faultsOf } from "./testing/event-schema.ts";
import { layerOf, noon, pullOf, reportOf } from "./testing/reports.ts";
import { runningServer } from "./testing/running-server.ts";

describe("the pull server", () => {
  it("shows a reported pull in the list and tells it to a reader who begins where the list ends", async () => {
    const running = await runningServer();
    expect((await running.post(reportOf([]))).status).toBe(200);
    const list = await running.list();
    expect(list).toMatchObject({ pulls: [], serverTime: new Date(noon).toISOString() });
    expect(list.nodes).toMatchObject([{ nodeName: "node-1", reporting: true, agentVersion: "0.1.0", activePulls: 0 }]);

    const reader = await readEvents(running.url, { lastEventId: list.lastEventId });
    const done = { phase: "done" } as const;
    await running.post(reportOf([pullOf([layerOf(1, 0), layerOf(2, 0)])]));
    running.pass(1_000);
    await running.post(reportOf([pullOf([layerOf(1, 500), layerOf(2, 0)])]));
    running.pass(1_000);
    await running.post(reportOf([pullOf([layerOf(1, 600), layerOf(2, 0)])]));
    running.pass(1_000);
    await running.post(reportOf([pullOf([layerOf(1, 1_000, done), layerOf(2, 1_000, done)], done)]));
    await reader.until((messages) => eventsIn(messages).some(({ type }) => type === "pull.completed"));
    await reader.close();

    const events = eventsIn(reader.messages);
    expect(events.map(({ type }) => type)).toEqual([
      "pull.started",
      "layer.started",
      "pull.progress",
      "layer.progress",
      "pull.progress",
      "layer.completed",
      "layer.started",
      "layer.completed",
      "pull.completed",
    ]);
    expect(events.flatMap(faultsOf)).toEqual([]);
    expect(reader.messages.map(({ id }) => numberIn(id))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const after = await running.list();
    expect(after.lastEventId).toBe(reader.lastEventId());
    expect(after.pulls).toEqual([events.at(-1)?.pull]);
  });

  it("writes each event of a pull as a log line: its progress at debug, all else at info", async () => {
    const lines: Record<string, unknown>[] = [];
    const destination = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(
          ...chunk
            .toString()
            .trim()
            .split("\n")
            .map((line) => JSON.parse(line) as Record<string, unknown>),
        );
        done();
      },
    });
    const running = await runningServer({
      log: createLogger({ level: "debug", name: "pulltrace-server", destination }),
    });
    await running.post(reportOf([pullOf([layerOf(1, 0)]), pullOf([], { id: "p2" })]));
    running.pass(1_000);
    await running.post(
      reportOf([pullOf([layerOf(1, 10)]), pullOf([], { id: "p2", phase: "failed", error: "not found" })]),
    );
    await running.post(reportOf([pullOf([layerOf(1, 10)], { phase: "done" })]));
    const pullLines = lines.filter(({ type }) => String(type).startsWith("pull."));
    expect(pullLines.map(({ level, type }) => `${String(level)} ${String(type)}`)).toEqual([
      "info pull.started",
      "info pull.started",
      "debug pull.progress",
      "info pull.failed",
      "info pull.completed",
    ]);
    const logFields = new Set(["level", "time", "name"]);
    const eventOf = (line: object): unknown =>
      Object.fromEntries(Object.entries(line).filter(([name]) => !logFields.has(name)));
    expect(pullLines.map(eventOf).flatMap(faultsOf)).toEqual([]);
  });

  it("takes its metrics out of the registry when it closes, so that another can take its place", () => {
    const registry = createRegistry();
    const options = { historyTtlMs: 1_000, log: silentLogger(), registry };
    createPullServer(options).close();
    createPullServer(options).close();
    expect(registry.getMetricsAsArray()).toEqual([]);
  });
});

describe("the health check", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("fails when the nodes are no longer looked at, and recovers with the next look", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
    const server = createPullServer({ historyTtlMs: 1_000, log: silentLogger(), registry: createRegistry() });
    const check = () => server.health.check(AbortSignal.timeout(1_000));
    vi.advanceTimersByTime(5_000);
    await expect(check()).resolves.toBeUndefined();
    // Time goes on and the sweeper does not run: as when it throws or its timer is lost.
    const stopped = performance.now() + 11_000;
    vi.spyOn(performance, "now").mockReturnValue(stopped);
    await expect(check()).rejects.toThrow(/last looked at 11 s ago/);
    vi.restoreAllMocks();
    vi.advanceTimersByTime(1_000);
    await expect(check()).resolves.toBeUndefined();
    server.close();
  });

  it("shows a node as silent and its pulls as failed by the sweeper's own ticks", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
    const running = await runningServer();
    await running.post(reportOf([pullOf([layerOf(1, 10)])]));
    vi.advanceTimersByTime(7_000);
    expect(await running.nodes()).toMatchObject([{ reporting: false, activePulls: 1 }]);
    expect(await running.metric("pulltrace_agents_connected")).toBe(0);
    vi.advanceTimersByTime(120_000);
    expect((await running.list()).pulls).toMatchObject([{ phase: "failed", error: "node stopped reporting" }]);
    expect(await running.metric("pulltrace_pull_errors_total")).toBe(1);
  });
});

describe("docs/pulltrace.md", () => {
  it("names every metric and every bound as it is", async () => {
    const text = await readFile(new URL("../../../docs/pulltrace.md", import.meta.url), "utf8");
    const registry = createRegistry();
    const server = createPullServer({ historyTtlMs: 1_000, log: silentLogger(), registry });
    const missing = registry.getMetricsAsArray().filter(({ name }) => !text.includes(`\`${name}`));
    server.close();
    expect(missing.map(({ name }) => name)).toEqual([]);
    const {
      pullsPerReport,
      layersPerPull,
      pullsPerNode,
      layersPerNode,
      nodes,
      pulls,
      layers,
      ringEvents,
      streamClients,
    } = defaultLimits;
    for (const bound of [
      pullsPerReport,
      layersPerPull,
      pullsPerNode,
      layersPerNode,
      nodes,
      pulls,
      layers,
      ringEvents,
      streamClients,
    ]) {
      expect(text).toContain(bound.toLocaleString("en-US"));
    }
  });
});

describe("serverSettings", () => {
  it("are the six of the contract with its defaults, where reports come, where Kubernetes is, what a client may do, and where the state is", () => {
    expect(Object.values(serverSettings).map(({ env }) => env)).toEqual([
      "PULLTRACE_HTTP_ADDR",
      "PULLTRACE_REPORT_ADDR",
      "PULLTRACE_METRICS_ADDR",
      "PULLTRACE_LOG_LEVEL",
      "PULLTRACE_AGENT_TOKEN",
      "PULLTRACE_WATCH_NAMESPACES",
      "PULLTRACE_KUBERNETES",
      "KUBERNETES_SERVICE_HOST",
      "KUBERNETES_SERVICE_PORT",
      "PULLTRACE_HISTORY_TTL",
      "PULLTRACE_STREAMS_PER_CLIENT",
      "PULLTRACE_REQUESTS_PER_CLIENT",
      "PULLTRACE_TRUSTED_PROXIES",
      "PULLTRACE_STATE_DIR",
    ]);
    expect(readSettings(serverSettings, { env: {} })).toEqual({
      httpAddress: { host: "", port: 8080 },
      reportAddress: undefined,
      metricsAddress: { host: "", port: 9090 },
      logLevel: "info",
      agentToken: undefined,
      watchNamespaces: [],
      kubernetes: "auto",
      kubernetesHost: undefined,
      kubernetesPort: undefined,
      historyTtlMs: 1_800_000,
      streamsPerClient: 256,
      requestsPerClient: 100,
      trustedProxies: [],
      stateDir: undefined,
    });
  });

  it("refuse what they do not allow, by the variable's name", () => {
    const read = (env: Record<string, string>) => () => readSettings(serverSettings, { env });
    expect(read({ PULLTRACE_HISTORY_TTL: "0s" })).toThrow(/PULLTRACE_HISTORY_TTL/);
    expect(read({ PULLTRACE_LOG_LEVEL: "loud" })).toThrow(/PULLTRACE_LOG_LEVEL/);
    expect(read({ PULLTRACE_HTTP_ADDR: "8080" })).toThrow(/PULLTRACE_HTTP_ADDR/);
    expect(read({ PULLTRACE_TRUSTED_PROXIES: "10.0.0.0/33" })).toThrow(/PULLTRACE_TRUSTED_PROXIES/);
  });
});
