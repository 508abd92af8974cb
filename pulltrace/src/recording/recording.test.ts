import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { silentLogger, temporaryFolder } from "@waybill/foundation/testing";
import type { AgentReport } from "../contract/index.ts";
import { type ReportReceiver, startReportReceiver } from "../testing/index.ts";
import { readRecording, recordReports, type RecordedReport, replayRecording, shiftReport } from "./index.ts";

const demo = fileURLToPath(new URL("../../recordings/demo.jsonl", import.meta.url));
const report = (number: number): AgentReport => ({
  nodeName: "node-1",
  timestamp: new Date(number).toISOString(),
  pulls: [
    {
      id: "pull",
      imageRef: "registry.example/team/a:v1",
      startedAt: new Date(number).toISOString(),
      completedAt: new Date(number + 500).toISOString(),
      totalKnown: true,
      layers: [
        {
          digest: "sha256:1",
          mediaType: "",
          totalBytes: 1,
          downloadedBytes: 1,
          totalKnown: true,
          startedAt: new Date(number).toISOString(),
        },
      ],
    },
  ],
});

let server: ReportReceiver | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function receiver(status = 204): Promise<ReportReceiver> {
  server = await startReportReceiver({ answer: () => status });
  return server;
}

async function reportsOf(file: string): Promise<RecordedReport[]> {
  const found: RecordedReport[] = [];
  for await (const line of readRecording(file)) if ("report" in line) found.push(line);
  return found;
}

describe("a recording", () => {
  it.each(["plain.jsonl", "packed.jsonl.gz"])(
    "%s gives back what it was given, with the times between",
    async (name) => {
      await using folder = await temporaryFolder("recording");
      let now = 10_000;
      const recording = await recordReports(join(folder.path, name), { now: () => now, note: "a test" });
      for (const pause of [0, 900, 1_200]) {
        now += pause;
        await recording.take(report(now));
      }
      await recording.close();
      expect(recording.reports).toBe(3);
      const lines = await reportsOf(join(folder.path, name));
      expect(lines.map((line) => line.atMs)).toEqual([0, 900, 2_100]);
      expect(lines.map((line) => line.report)).toEqual([report(10_000), report(10_900), report(12_100)]);
    },
  );

  it("does not repeat what stays the same, and leaves out what does not fit", async () => {
    await using folder = await temporaryFolder("recording");
    const file = join(folder.path, "one.jsonl");
    const recording = await recordReports(file, { limitBytes: 1_500 });
    for (const number of [1, 1, 1, 2, 3, 4, 5, 6]) await recording.take(report(number));
    await recording.close();
    expect(recording.full).toBe(true);
    expect((await stat(file)).size).toBeLessThanOrEqual(1_500);
    expect((await reportsOf(file)).map((line) => Date.parse(line.report.timestamp))).toEqual(
      [1, 2, 3].slice(0, recording.reports),
    );
  });

  it("holds no secret, in whatever text of a report or note one stands", async () => {
    await using folder = await temporaryFolder("recording");
    const file = join(folder.path, "one.jsonl");
    const secret = "s3cr3ts3cr3t";
    const token = "eyJhbGciOiJub25l.eyJzdWIiOiJzM2NyM3QifQ.c2lnbmF0dXJl";
    const dirty = [
      `https://bob:${secret}@registry.example/v2/?X-Amz-Signature=${secret}`,
      `Authorization: Bearer ${secret} and Basic ${secret}`,
      `{"token":"${secret}","password": "${secret}"} ${token}`,
      `access_key=${secret}&secret=${secret}`,
    ].join(" ");
    // Every text of a report, whatever it is called.
    const poisoned = JSON.parse(
      JSON.stringify(report(1), (_, value: unknown) => (typeof value === "string" ? `${value} ${dirty}` : value)),
    ) as AgentReport;
    const recording = await recordReports(file, { note: dirty });
    await recording.take({ ...poisoned, agentVersion: dirty });
    await recording.close();
    const text = await readFile(file, "utf8");
    for (const leaked of [secret, token, "eyJzdWIiOiJzM2NyM3QifQ", "bob"]) expect(text).not.toContain(leaked);
    expect(text).toContain("registry.example/team/a:v1");
    expect((await reportsOf(file)).length).toBe(1);
  });

  it("never overwrites a file", async () => {
    await using folder = await temporaryFolder("recording");
    const file = join(folder.path, "one.jsonl");
    await writeFile(file, "precious");
    await expect(recordReports(file)).rejects.toMatchObject({ code: "EEXIST" });
    expect(await readFile(file, "utf8")).toBe("precious");
  });

  const head = '{"waybillRecording":1,"recordedAt":"2026-01-01T00:00:00Z"}\n';
  it.each([
    ["nothing", "", /empty/],
    ["another file", "hello\n", /not a recording/],
    ["a newer version", '{"waybillRecording":2}\n', /version 2; this program reads version 1/],
    ["a broken line", `${head}{"atMs":`, /no JSON object \(line 2\)/],
    ["times that fall", `${head}{"atMs":5,"report":{"nodeName":"n","timestamp":"t","pulls":[]}}\n{"atMs":4}`, /line 3/],
    ["a line without a report", `${head}{"atMs":5,"report":{"pulls":7}}\n`, /without a report/],
    ["an endless line", head + "x".repeat(5 * 1024 * 1024), /characters/],
  ])("of %s is refused with the reason", async (_, text, reason) => {
    await using folder = await temporaryFolder("recording");
    const file = join(folder.path, "bad.jsonl");
    await writeFile(file, text);
    const { url } = await receiver();
    const options = { serverUrl: url, log: silentLogger(), signal: new AbortController().signal, speed: 1000 };
    await expect(replayRecording(file, options)).rejects.toThrow(reason);
  });

  it("that is not there, or whose packing is broken, is refused with the reason", async () => {
    await using folder = await temporaryFolder("recording");
    await expect(reportsOf(join(folder.path, "none.jsonl"))).rejects.toThrow(/cannot be read: ENOENT/);
    const file = join(folder.path, "cut.jsonl.gz");
    await writeFile(file, gzipSync(head).subarray(0, 20));
    await expect(reportsOf(file)).rejects.toThrow(/cannot be read|unexpected end/);
  });
});

describe("a replay", () => {
  it("happens now, is marked, and gives the pulls ids of this replay", () => {
    const at = (text: string) => Date.parse(text);
    const shift = { recordedAt: at("2026-01-01T00:00:00Z"), replayedAt: at("2027-05-05T12:00:00Z"), speed: 2 };
    const shifted = shiftReport(report(at("2026-01-01T00:00:10Z")), shift);
    expect(shifted).toMatchObject({
      recording: true,
      timestamp: "2027-05-05T12:00:05.000Z",
      pulls: [
        {
          startedAt: "2027-05-05T12:00:05.000Z",
          completedAt: "2027-05-05T12:00:05.250Z",
          layers: [{ startedAt: "2027-05-05T12:00:05.000Z" }],
        },
      ],
    });
    expect(shifted.pulls[0]?.id).not.toBe("pull");
    const again = shiftReport(report(0), { ...shift, replayedAt: shift.replayedAt + 1 });
    expect(again.pulls[0]?.id).not.toBe(shifted.pulls[0]?.id);
  });

  it("of the recording that ships tells two images at once from start to end", async () => {
    const { url, taken } = await receiver();
    const options = { serverUrl: url, agentToken: "secret", log: silentLogger(), signal: new AbortController().signal };
    await replayRecording(demo, { ...options, speed: 100 });
    expect(taken.every(({ report: one }) => one.recording === true)).toBe(true);
    expect(new Set(taken.map(({ headers }) => headers.authorization))).toEqual(new Set(["Bearer secret"]));
    expect(taken.some(({ report: one }) => one.pulls.filter((pull) => pull.phase === "downloading").length === 2)).toBe(
      true,
    );
    expect(
      taken
        .at(-1)
        ?.report.pulls.map((pull) => [pull.imageRef, pull.phase])
        .toSorted(),
    ).toEqual([
      ["registry.waybill.example/acme/shop:1.4.2", "done"],
      ["registry.waybill.example/globex/billing:2026.11", "done"],
    ]);
    expect((await stat(demo)).size).toBeLessThan(300_000);
  });

  it("ends when it is told to", async () => {
    const { url, taken } = await receiver();
    const stop = new AbortController();
    const replay = replayRecording(demo, { serverUrl: url, log: silentLogger(), signal: stop.signal });
    while (taken.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    stop.abort();
    await expect(replay).resolves.toBeUndefined();
  });

  it("that the server refuses says what to do", async () => {
    const { url } = await receiver(401);
    const options = { serverUrl: url, log: silentLogger(), signal: new AbortController().signal, speed: 100 };
    await expect(replayRecording(demo, options)).rejects.toMatchObject({
      advice: expect.stringContaining("PULLTRACE_AGENT_TOKEN") as string,
    });
  });
});
