import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { layerOf, pullOf, reportOf } from "./testing/reports.ts";
import { runningServer, type ReportAddress } from "./testing/running-server.ts";

const good = reportOf([pullOf([layerOf(1, 10)])]);

async function problemOf(
  response: Response,
): Promise<{ status: number; code: string; detail: string; errors?: { pointer: string }[] }> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  return (await response.json()) as { status: number; code: string; detail: string };
}

describe.each<ReportAddress>(["shared", "own"])("POST /api/v1/report at the %s address", (reports) => {
  it("answers 400 to what is no report, says where the fault is, and lives on", async () => {
    const running = await runningServer({ reports });
    const bodies: readonly (readonly [body: string | Uint8Array, pointer: string | undefined])[] = [
      ["", undefined],
      ["{", undefined],
      ["null", ""],
      ["[]", ""],
      ['"x"', ""],
      ["1", ""],
      ["{}", "/nodeName"],
      [Buffer.from([0xff, 0xfe, 0x7b]), undefined],
      ["[".repeat(500_000), undefined],
      [`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, "/nodeName"],
      [JSON.stringify({ ...good, nodeName: "../../etc/passwd" }), "/nodeName"],
      [JSON.stringify({ ...good, nodeName: "<img src=x onerror=alert(1)>" }), "/nodeName"],
      [JSON.stringify({ ...good, nodeName: "a\r\ndata: {}" }), "/nodeName"],
      [JSON.stringify({ ...good, nodeName: "n".repeat(254) }), "/nodeName"],
      [JSON.stringify({ ...good, pulls: {} }), "/pulls"],
      [JSON.stringify({ ...good, pulls: [1] }), "/pulls/0"],
      [JSON.stringify(good).replace("10,", "1e999,"), "/pulls/0/layers/0/downloadedBytes"],
      [JSON.stringify(good).replace("10,", "-5,"), "/pulls/0/layers/0/downloadedBytes"],
      ['{"nodeName":{"toString":1},"timestamp":[],"pulls":[{"layers":[{"digest":{}}]}]}', "/nodeName"],
    ];
    for (const [body, pointer] of bodies) {
      const response = await running.post(body);
      expect([response.status, body.slice(0, 60)]).toEqual([400, body.slice(0, 60)]);
      const problem = await problemOf(response);
      expect(problem).toMatchObject({ status: 400, code: "PT-400" });
      expect(problem.errors?.[0]?.pointer).toBe(pointer);
    }
    expect((await running.list()).nodes).toEqual([]);
    expect((await running.post(good)).status).toBe(200);
    // The other thread tells what it refused a moment later.
    await vi.waitFor(
      async () => expect(await running.metric("pulltrace_reports_refused_total")).toBe(bodies.length),
      10_000,
    );
    expect(await running.metric("pulltrace_agent_reports_total")).toBe(1);
    expect((await running.get("/readyz")).status).toBe(200);
  });

  it("answers 413 to a body over 1 MiB, also to one that says nothing of its length", async () => {
    const running = await runningServer({ reports });
    const large = JSON.stringify({ ...good, padding: "x".repeat(1024 * 1024) });
    expect(await problemOf(await running.post(large))).toMatchObject({ status: 413, code: "PT-413" });
    const chunked = await fetch(`${running.reportUrl}/api/v1/report`, {
      method: "POST",
      body: new Blob([large]).stream(),
      duplex: "half",
    } as RequestInit);
    expect(chunked.status).toBe(413);
    const fits = JSON.stringify({ ...good, padding: "x".repeat(1024 * 1024 - 2_000) });
    expect((await running.post(fits)).status).toBe(200);
  });

  it("takes gzip, and bounds what it inflates to", async () => {
    const running = await runningServer({ reports });
    const gzip = { "content-encoding": "gzip" };
    expect((await running.post(gzipSync(JSON.stringify(good)), gzip)).status).toBe(200);
    expect((await running.list()).pulls).toHaveLength(1);
    const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024, 0x20));
    expect(bomb.length).toBeLessThan(1024 * 1024);
    expect(await problemOf(await running.post(bomb, gzip))).toMatchObject({ status: 413, code: "PT-413" });
    expect(await problemOf(await running.post("no gzip", gzip))).toMatchObject({ status: 400, code: "PT-400" });
    expect(await problemOf(await running.post(gzipSync(JSON.stringify(good)).subarray(0, 50), gzip))).toMatchObject({
      status: 400,
    });
    expect(await problemOf(await running.post(good, { "content-encoding": "br" }))).toMatchObject({
      status: 415,
      code: "PT-415",
    });
  });

  it("answers 401 without the agents' token, and takes it", async () => {
    const running = await runningServer({ reports, agentToken: "s3cret" });
    expect(await problemOf(await running.post(good))).toMatchObject({ status: 401, code: "PT-401" });
    for (const authorization of ["Bearer wrong", "Bearer s3cret2", "Bearer", "Basic czNjcmV0", "s3cret"]) {
      expect((await running.post(good, { authorization })).status).toBe(401);
    }
    expect((await running.post(good, { authorization: "Bearer s3cret" })).status).toBe(200);
    expect(await running.metric("pulltrace_reports_refused_total")).toBe(6);
    expect(await running.metric("pulltrace_agent_reports_total")).toBe(1);
  });

  it("takes nothing from a web page", async () => {
    const running = await runningServer({ reports });
    expect(await problemOf(await running.post(good, { origin: "https://elsewhere.example" }))).toMatchObject({
      status: 403,
      code: "PT-403",
    });
    expect((await running.post(good, { "sec-fetch-site": "cross-site" })).status).toBe(403);
  });

  it("forgets a report that is cut off in the middle, and lives on", async () => {
    const running = await runningServer({ reports });
    const { port, hostname } = new URL(running.reportUrl);
    await new Promise<void>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(
          `POST /api/v1/report HTTP/1.1\r\nhost: ${hostname}\r\ncontent-length: 500\r\n\r\n{"nodeName":"cut"`,
          () => {
            socket.destroy();
            resolve();
          },
        );
      });
      socket.on("error", reject);
    });
    expect((await running.post(good)).status).toBe(200);
    expect((await running.nodes()).map(({ nodeName }) => nodeName)).toEqual(["node-1"]);
  });

  it("keeps a bounded state of a node that reports 10,000 pulls, drops the rest, and says so", async () => {
    const running = await runningServer({ reports });
    for (let batch = 0; batch < 10; batch += 1) {
      const pulls = Array.from({ length: 1_000 }, (_, index) =>
        pullOf([layerOf(1, 1), layerOf(2, 1)], { id: `p${batch}-${index}` }),
      );
      running.pass(10);
      expect(
        (await running.post(gzipSync(JSON.stringify(reportOf(pulls))), { "content-encoding": "gzip" })).status,
      ).toBe(200);
    }
    expect((await running.list()).pulls.length).toBe(2_000);
    expect(await running.metric('pulltrace_dropped_total{what="pulls"}')).toBe(8_000);
    const ready = (await (await running.get("/readyz")).json()) as { checks: { name: string; status: string }[] };
    expect(ready.checks[0]).toMatchObject({ name: "pulltrace", status: "warning" });
  });

  it("answers 503 to a node beyond the bound, until a silent node makes room", async () => {
    const running = await runningServer({ reports, limits: { nodes: 2 } });
    for (const nodeName of ["a", "b"]) expect((await running.post(reportOf([], { nodeName }))).status).toBe(200);
    const refused = await running.post(reportOf([], { nodeName: "c" }));
    expect(refused.status).toBe(503);
    // Between 20 and 40 s: not all of them at the same moment again.
    expect(refused.headers.get("retry-after")).toMatch(/^[23]\d$/);
    expect((await running.post(reportOf([], { nodeName: "a" }))).status).toBe(200);
  });
});
