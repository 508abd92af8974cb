import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { UserError } from "@waybill/foundation/errors";
import { describe, expect, it, vi } from "vitest";
import { layerOf, pullOf, reportOf } from "../testing/reports.ts";
import { eventsIn, readEvents } from "../testing/event-reader.ts";
import { runningServer } from "../testing/running-server.ts";

const patience = { timeout: 30_000, interval: 50 };
const good = reportOf([pullOf([layerOf(1, 10)])]);
const checksOf = async (running: Awaited<ReturnType<typeof runningServer>>) =>
  ((await (await running.get("/readyz")).json()) as { checks: { name: string; status: string; detail?: string }[] })
    .checks;

describe("the address of their own for agents' reports", () => {
  it("brings a report to list, events and metrics before it is answered; agents at the address of all still report", async () => {
    const running = await runningServer({ reports: "own" });
    const reader = await readEvents(running.url);
    expect((await running.post(good)).status).toBe(200);
    expect((await running.list()).pulls).toMatchObject([{ downloadedBytes: 10 }]);
    running.pass(1_000);
    expect((await running.post(reportOf([pullOf([layerOf(1, 500)])]))).status).toBe(200);
    expect((await running.list()).pulls).toMatchObject([{ downloadedBytes: 500 }]);
    expect(await running.metric("pulltrace_pull_bytes_total")).toBe(490);
    const shared = await fetch(`${running.url}/api/v1/report`, {
      method: "POST",
      body: JSON.stringify(reportOf([], { nodeName: "node-2" })),
    });
    expect(shared.status).toBe(200);
    expect(await running.metric("pulltrace_agent_reports_total")).toBe(3);
    expect((await running.nodes()).map(({ nodeName }) => nodeName)).toEqual(["node-1", "node-2"]);
    await reader.until((messages) => eventsIn(messages).some(({ type }) => type === "layer.progress"));
    await reader.close();
  });

  it("has nothing but that one route", async () => {
    const { reportUrl } = await runningServer({ reports: "own" });
    for (const path of [
      "/",
      "/api/v1/pulls",
      "/api/v1/events",
      "/healthz",
      "/metrics",
      "/api/v1/report/",
      "//api/v1/report",
    ]) {
      const answer = await fetch(`${reportUrl}${path}`, { method: path.endsWith("report/") ? "POST" : "GET" });
      expect([path, answer.status, ((await answer.json()) as { code: string }).code]).toEqual([path, 404, "PT-404"]);
    }
    for (const method of ["GET", "PUT", "DELETE", "OPTIONS"]) {
      const answer = await fetch(`${reportUrl}/api/v1/report`, { method });
      expect([method, answer.status, answer.headers.get("allow")]).toEqual([method, 405, "POST"]);
    }
  });

  it("says in health that its thread has ended, starts another one at the same port, and takes reports again", async () => {
    const running = await runningServer({ reports: "own" });
    expect((await running.post(good)).status).toBe(200);
    expect(await checksOf(running)).toMatchObject([{}, { name: "pulltrace-reports", status: "ok" }]);
    const worker = running.reports?.worker();
    await worker?.terminate();
    expect(await checksOf(running)).toMatchObject([
      {},
      { name: "pulltrace-reports", status: "failed", detail: expect.stringContaining("started again") as string },
    ]);
    expect((await running.get("/readyz")).status).toBe(503);
    await vi.waitFor(async () => expect((await running.get("/readyz")).status).toBe(200), patience);
    expect(running.reports?.worker()).not.toBe(worker);
    expect((await running.post(reportOf([pullOf([layerOf(1, 20)])]))).status).toBe(200);
    expect((await running.list()).pulls).toMatchObject([{ downloadedBytes: 20 }]);
  });

  it("answers what is under way before it closes", async () => {
    const running = await runningServer({ reports: "own" });
    const answers = Array.from({ length: 50 }, (_, node) => running.post(reportOf([], { nodeName: `n${node}` })));
    await vi.waitFor(async () => expect((await running.nodes()).length).toBeGreaterThan(0), patience);
    const closed = running.reports?.close();
    const statuses = await Promise.all(
      answers.map((answer) =>
        answer.then(
          ({ status }) => status,
          () => "closed",
        ),
      ),
    );
    await closed;
    const taken = statuses.filter((status) => status === 200).length;
    expect(new Set(statuses)).toSatisfy((seen: Set<unknown>) =>
      [...seen].every((one) => one === 200 || one === "closed"),
    );
    expect(taken, "who was told 200 is there").toBe((await running.nodes()).length);
    await expect(running.post(good)).rejects.toThrow();
  });

  it("is refused with what to do when another program has the port", async () => {
    const running = await runningServer();
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const wrong = running.server.takeReportsAt({ host: "127.0.0.1", port });
    await expect(wrong).rejects.toThrow(UserError);
    await expect(wrong).rejects.toMatchObject({ cause: { code: "EADDRINUSE" } });
    other.close();
  });

  it("takes no report from a page that came by another host name, where only this machine may come in", async () => {
    const running = await runningServer();
    const guarded = await running.server.takeReportsAt({ host: "127.0.0.1", port: 0 }, { hostGuard: true });
    const send = async (host: string): Promise<number | undefined> => {
      const sent = request(`${guarded.url}/api/v1/report`, { method: "POST", headers: { host } });
      sent.end(JSON.stringify(good));
      const [answer] = (await once(sent, "response")) as [IncomingMessage];
      answer.resume();
      return answer.statusCode;
    };
    expect([await send("rebound.example"), await send("localhost:8081")]).toEqual([403, 200]);
    await guarded.close();
  });
});
