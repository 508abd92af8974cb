import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { AgentReport, ReportedPull } from "@waybill/pulltrace/contract";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  prometheusMissing,
  promtool,
  startPrometheus,
  type Alert,
  type RunningPrometheus,
} from "./harness/prometheus.ts";
import { until } from "./harness/until.ts";
import { startWaybill, type RunningWaybill } from "./harness/waybill.ts";

const folder = resolve(import.meta.dirname, "../../deploy/monitoring");
const missing = prometheusMissing();
if (missing !== undefined) console.warn(`skipped: ${missing}`);

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

describe.skipIf(missing !== undefined)("the alerts and the dashboard on a real Prometheus", () => {
  const stack = new AsyncDisposableStack();
  let waybill: RunningWaybill;
  let prometheus: RunningPrometheus;
  let second = 0;
  let silent = false;

  const layer = (number: number, downloadedBytes: number, phase: "downloading" | "done") => ({
    digest: `sha256:${String(number).padStart(64, "0")}`,
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    totalBytes: 100_000_000,
    downloadedBytes,
    totalKnown: true,
    phase,
  });
  const pull = (id: string, more: Partial<ReportedPull>): ReportedPull => ({
    id,
    imageRef: `registry.example/acme/${id}:1`,
    startedAt: new Date(Date.now() - 2_000).toISOString(),
    totalKnown: true,
    layers: [],
    phase: "downloading",
    ...more,
  });
  const send = async (report: AgentReport): Promise<void> => {
    const answer = await fetch(`${waybill.url}/api/v1/report`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(report),
    });
    if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
  };
  /** Two nodes: one downloads, completes a pull each second and fails one every other; the other falls silent. */
  const report = async (): Promise<void> => {
    second += 1;
    const timestamp = new Date().toISOString();
    const pulls = [pull("long", { layers: [layer(1, second * 100_000, "downloading")] })];
    if (second > 3) pulls.push(pull(`done-${second}`, { phase: "done", layers: [layer(2, 100_000_000, "done")] }));
    if (second > 3 && second % 2 === 0) pulls.push(pull(`bad-${second}`, { phase: "failed", error: "not found" }));
    await send({ nodeName: "node-1", timestamp, pulls });
    if (!silent) await send({ nodeName: "node-2", timestamp, pulls: [] });
  };
  /** Reports go on while the answer is waited for. */
  const meanwhile = async <T>(what: string, ask: () => Promise<T | undefined>): Promise<T> => {
    let reported = 0;
    return until(what, async () => {
      if (performance.now() - reported >= 1_000) {
        reported = performance.now();
        await report();
      }
      return ask();
    });
  };
  const firing = async (name: string): Promise<Alert | undefined> =>
    (await prometheus.alerts()).find(({ labels, state }) => labels["alertname"] === name && state === "firing");

  beforeAll(async () => {
    waybill = stack.adopt(
      await startWaybill(["pulltrace", "server", "--http-addr", "127.0.0.1:0", "--metrics-addr", "127.0.0.1:0"]),
      (running) => running.close(),
    );
    const rules = await readFile(resolve(folder, "pulltrace-rules.yaml"), "utf8");
    prometheus = stack.adopt(
      await startPrometheus({
        job: "pulltrace",
        target: new URL(waybill.metricsUrl).host,
        // The shipped rules; only how long a state must last is left out, which promtool's own test covers. What was
        // true within the last hour is looked up in steps of a second instead of a minute.
        rules: rules.replaceAll(/^ +for: .*\n/gm, "").replaceAll("[1h:1m]", "[1h:1s]"),
      }),
      (running) => running.close(),
    );
  });
  afterAll(() => stack.disposeAsync());

  it("has rules that are right and fire after the time that they name", async () => {
    expect(await promtool(["check", "rules", resolve(folder, "pulltrace-rules.yaml")])).toContain("SUCCESS");
    expect(await promtool(["test", "rules", resolve(folder, "pulltrace-rules.test.yaml")])).toContain("SUCCESS");
    const [rules, tests] = await Promise.all(
      ["pulltrace-rules.yaml", "pulltrace-rules.test.yaml"].map((name) => readFile(resolve(folder, name), "utf8")),
    );
    const alerts = [...(rules ?? "").matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
    // Each is seen to fire, and not before its time.
    const fires = (name: string | undefined) => new RegExp(`alertname: ${name}\\n +exp_alerts:\\n`).test(tests ?? "");
    const rests = (name: string | undefined) => tests?.includes(`alertname: ${name}, exp_alerts: [] }`) === true;
    expect(alerts.length).toBeGreaterThan(5);
    expect(alerts.filter((name) => !fires(name) || !rests(name))).toEqual([]);
  });

  it("raises no alert while all is well", async () => {
    await meanwhile("three samples of two agents", async () => {
      const [agents] = await prometheus.query("min_over_time(pulltrace_agents_connected[3s]) == 2");
      return agents;
    });
    expect(await prometheus.alerts()).toEqual([]);
  });

  it("fires for failing pulls", async () => {
    const alert = await meanwhile("PulltracePullsFailing", () => firing("PulltracePullsFailing"));
    expect(alert.labels).toMatchObject({ severity: "critical", job: "pulltrace" });
    expect(alert.annotations["summary"]).toMatch(/^image pulls failed in 10 minutes: \d+$/);
  });

  it("has data behind every query of every panel", async () => {
    const { panels } = JSON.parse(await readFile(resolve(folder, "pulltrace-dashboard.json"), "utf8")) as Dashboard;
    const queries = panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ title, expr })));
    expect(queries.length).toBeGreaterThan(10);
    for (const { title, expr } of queries) {
      const filled = expr.replaceAll("$__rate_interval", "1m").replaceAll("$job", "pulltrace");
      const values = await meanwhile(`data for "${title}": ${expr}`, async () => {
        const result = await prometheus.query(filled);
        return result.length > 0 && result.every(({ value }) => Number.isFinite(Number(value[1]))) ? result : undefined;
      });
      expect(values.length).toBeGreaterThan(0);
    }
    const [speed] = await prometheus.query("sum(rate(pulltrace_pull_bytes_total[1m]))");
    expect(Number(speed?.value[1])).toBeGreaterThan(0);
  });

  it("names in its queries and rules no metric that the server does not have", async () => {
    const served = await (await fetch(waybill.metricsUrl)).text();
    const names = new Set([...served.matchAll(/^(pulltrace_\w+?)(?:\{|\s)/gm)].map((match) => match[1]));
    const text =
      (await readFile(resolve(folder, "pulltrace-dashboard.json"), "utf8")) +
      (await readFile(resolve(folder, "pulltrace-rules.yaml"), "utf8"));
    const asked = new Set([...text.matchAll(/pulltrace_[a-z_]+/g)].map(([name]) => name));
    expect([...asked].filter((name) => !names.has(name))).toEqual([]);
  });

  it("fires for a node that falls silent", async () => {
    silent = true;
    const alert = await meanwhile("PulltraceNodeSilent", () => firing("PulltraceNodeSilent"));
    expect(alert.annotations["summary"]).toBe("nodes that no longer report: 1");
  });
});
