import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "./harness/until.ts";
import { runWaybill, startWaybill } from "./harness/waybill.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "waybill-up-test-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("waybill up", () => {
  it("answers for all systems on one port and for Prometheus on another, and ends with 0 on SIGTERM", async () => {
    const waybill = await startWaybill();
    const status = async (path: string): Promise<number> => (await fetch(waybill.url + path)).status;
    for (const path of [
      "/v2/",
      "/version",
      "/api/v1/pulls",
      "/api/v1/clusters",
      "/events",
      "/healthz",
      "/readyz",
      "/",
    ]) {
      expect([path, await status(path)]).toEqual([path, 200]);
    }
    expect(await (await fetch(waybill.metricsUrl)).text()).toContain("pulltrace_pulls_active");
    expect(await waybill.waitForLine("open")).toContain("no authentication is configured");
    expect(await waybill.kill("SIGTERM")).toBe(0);
    await waybill.close();
  });

  it("does not wait for readers: streams and long polls end when it does", async () => {
    const waybill = await startWaybill();
    const stream = { headers: { accept: "text/event-stream" } };
    const readers = [
      await fetch(`${waybill.url}/api/v1/events`, stream),
      await fetch(`${waybill.url}/events`, stream),
    ].map((response) => response.text());
    const newest = ((await (await fetch(`${waybill.url}/events`)).json()) as { readonly newest: number }).newest;
    const poll = fetch(`${waybill.url}/events?after=${newest}&wait=60s`);
    // The poll must be on its way before the end begins.
    await until("the request is counted as running", async () =>
      /^waybill_http_requests_active [3-9]/m.test(await (await fetch(waybill.metricsUrl)).text()) ? true : undefined,
    );
    expect(await waybill.kill("SIGTERM")).toBe(0);
    expect(await (await poll).json()).toMatchObject({ events: [] });
    await Promise.all(readers);
    expect(waybill.output()).not.toContain("still ran");
    await waybill.close();
  });

  it("refuses a data folder that another has, with exit code 3", async () => {
    const data = join(folder, "shared");
    const waybill = await startWaybill(["--data", data]);
    const second = await runWaybill([
      "up",
      "--no-agent",
      "--http",
      "127.0.0.1:0",
      "--metrics",
      "127.0.0.1:0",
      "--data",
      data,
    ]);
    await waybill.close();
    expect(second.stderr).toContain(`${data} is in use by another Waybill (process ${waybill.pid})`);
    expect(second.code).toBe(3);
  });

  it("refuses an address that another has, with exit code 3 and the flag to change", async () => {
    const waybill = await startWaybill();
    const address = new URL(waybill.url).host;
    const second = await runWaybill([
      "up",
      "--no-agent",
      "--http",
      address,
      "--metrics",
      "127.0.0.1:0",
      "--data",
      join(folder, "other"),
    ]);
    await waybill.close();
    expect(second.stderr).toContain(`${address} is already in use`);
    expect(second.stderr).toContain("--http");
    expect(second.code).toBe(3);
  });

  it("refuses to be open to the network, and says how to configure it", async () => {
    const { code, stderr } = await runWaybill([
      "up",
      "--data",
      join(folder, "network"),
      "--http",
      ":0",
      "--metrics",
      "127.0.0.1:0",
    ]);
    expect(stderr).toMatch(/no authentication is configured[^]*KUBENOVA_REQUIRE_AUTH/);
    expect(code).toBe(1);
  });

  it("keeps saying that it is open to the network when that was allowed", async () => {
    const waybill = await startWaybill(["--http", "0.0.0.0:0", "--allow-open"]);
    const ready = (await (await fetch(`${waybill.url}/readyz`)).json()) as { readonly status: string };
    await waybill.close();
    expect(ready).toMatchObject({
      status: "warning",
      checks: expect.arrayContaining([
        expect.objectContaining({ name: "authentication", status: "warning" }),
      ]) as unknown[],
    });
    expect(waybill.output()).toContain('"level":"warn"');
  });

  it("with authentication lets in who has a token from its own key, and nobody else", async () => {
    const data = join(folder, "authenticated");
    const waybill = await startWaybill(["--data", data], { KUBENOVA_REQUIRE_AUTH: "true" });
    const { stdout } = await runWaybill(["kubenova", "token", "create", "--data", data]);
    const status = async (path: string, headers: Record<string, string>): Promise<number> =>
      (await fetch(waybill.url + path, { headers })).status;
    const bearer = { authorization: `Bearer ${stdout.trim()}` };
    const basic = { authorization: `Basic ${Buffer.from(`any:${stdout.trim()}`).toString("base64")}` };
    const report = await fetch(`${waybill.url}/api/v1/report`, { method: "POST", body: "{}" });
    const answers = {
      anonymous: [
        await status("/v2/", {}),
        await status("/api/v1/pulls", {}),
        await status("/api/v1/clusters", {}),
        report.status,
      ],
      bearer: [await status("/v2/", bearer), await status("/api/v1/pulls", bearer), await status("/api/v1/me", bearer)],
      basic: await status("/v2/", basic),
    };
    await waybill.close();
    expect(answers).toEqual({ anonymous: [401, 401, 401, 401], bearer: [200, 200, 200], basic: 200 });
  });
});

describe("each system alone", () => {
  it.each([
    ["store serve", ["--root", "DATA", "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"], "/v2/"],
    ["pulltrace server", ["--http-addr", "127.0.0.1:0", "--metrics-addr", "127.0.0.1:0"], "/api/v1/pulls"],
    ["kubenova manager", ["--data", "DATA", "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"], "/api/v1/clusters"],
  ])("waybill %s serves, is ready, and ends with 0", async (command, flags, path) => {
    const words = [
      ...command.split(" "),
      ...flags.map((flag) => (flag === "DATA" ? join(folder, command.replace(" ", "-")) : flag)),
    ];
    const service = await startWaybill(words);
    const answers = [path, "/readyz"].map(async (asked) => (await fetch(service.url + asked)).status);
    expect(await Promise.all(answers)).toEqual([200, 200]);
    expect(await service.kill("SIGINT")).toBe(0);
  });
});
