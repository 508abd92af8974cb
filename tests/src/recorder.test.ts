import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@waybill/foundation/testing";
import type { PullList } from "@waybill/pulltrace/contract";
import { readRecording, type RecordedReport, type RecordingHeader } from "@waybill/pulltrace/recording";
import {
  containerdMissing,
  rateLimitedProxy,
  startContainerd,
  startMadeRegistry,
  type MadeImage,
  type RateLimitedProxy,
  type RunningContainerd,
} from "@waybill/pulltrace/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "./harness/until.ts";
import { launcher, runWaybill, startWaybill } from "./harness/waybill.ts";

const missing = containerdMissing();
if (missing !== undefined) console.warn(`skipped: ${missing}`);
const kibibyte = 1024;

describe.skipIf(missing !== undefined)("a recording of a real pull, by the command line", () => {
  const stack = new AsyncDisposableStack();
  let containerd: RunningContainerd;
  let link: RateLimitedProxy;
  let image: MadeImage;
  let folder: string;

  beforeAll(async () => {
    folder = stack.use(await temporaryFolder("waybill-recorder-")).path;
    const registry = stack.adopt(await startMadeRegistry(), (one) => one.close());
    // As many layers as images have: what is told of them is long.
    const layers = Array.from({ length: 24 }, (_, seed) => ({ seed: 500 + seed, bytes: 200 * kibibyte }));
    image = registry.add("team/recorded", "v1", layers);
    link = stack.adopt(
      await rateLimitedProxy({ target: { host: "127.0.0.1", port: registry.port }, bytesPerSecond: 900 * kibibyte }),
      (one) => one.close(),
    );
    containerd = stack.adopt(await startContainerd(), (one) => one.close());
  });
  afterAll(() => stack.disposeAsync());

  function record(file: string): { readonly child: ChildProcess; readonly output: () => string } {
    const { PATH, HOME, TMPDIR } = process.env;
    const child = spawn(launcher, ["pulltrace", "record", file, "--note", "a slow pull"], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...(PATH && { PATH }),
        ...(HOME && { HOME }),
        ...(TMPDIR && { TMPDIR }),
        NO_COLOR: "1",
        PULLTRACE_NODE_NAME: "node-7",
        PULLTRACE_CONTAINERD_SOCKET: containerd.socket,
        PULLTRACE_ALLOWED_SOCKETS: containerd.socket,
      },
    });
    stack.defer(() => void child.kill("SIGKILL"));
    let printed = "";
    const keep = (chunk: Buffer): void => void (printed += chunk.toString());
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    return { child, output: () => printed };
  }

  /** Whole lines only: the program may be writing one. */
  async function linesOf(file: string): Promise<(RecordingHeader | RecordedReport)[]> {
    const text = await readFile(file, "utf8");
    const copy = join(folder, "whole-lines.jsonl");
    await writeFile(copy, text.slice(0, text.lastIndexOf("\n") + 1));
    const lines: (RecordingHeader | RecordedReport)[] = [];
    for await (const line of readRecording(copy)) lines.push(line);
    return lines;
  }

  it("holds all that the agent told, and is told again by a replay", async () => {
    const file = join(folder, "pulls.jsonl");
    const { child, output } = record(file);
    await until("the recorder watches", () => (output().includes('"msg":"recording"') ? true : undefined));
    const { code } = await containerd.pull(`${link.address}/${image.reference}`).finished;
    expect(code).toBe(0);
    await until("the end of the pull in the file", async () => {
      const told = (await linesOf(file)).flatMap((line) => ("report" in line ? line.report.pulls : []));
      return told.some(({ phase }) => phase === "done") || undefined;
    });
    const ended = once(child, "exit");
    child.kill("SIGINT");
    expect([await ended, output().includes("did not arrive")]).toEqual([[0, null], false]);

    const [head, ...reports] = (await linesOf(file)) as [RecordingHeader, ...RecordedReport[]];
    expect(head).toMatchObject({ waybillRecording: 1, note: "a slow pull" });
    const pulls = reports.flatMap(({ report }) => report.pulls);
    expect(new Set(pulls.map(({ id }) => id)).size).toBe(1);
    expect(pulls.some(({ phase, layers }) => phase === "downloading" && layers.length === 24)).toBe(true);
    expect(pulls.at(-1)).toMatchObject({ phase: "done", manifestDigest: image.manifestDigest });

    const server = await startWaybill([
      "pulltrace",
      "server",
      "--http-addr",
      "127.0.0.1:0",
      "--metrics-addr",
      "127.0.0.1:0",
    ]);
    try {
      const replay = await runWaybill(["pulltrace", "replay", file, "--server-url", server.url, "--speed", "4"]);
      expect([replay.code, replay.stderr]).toEqual([0, ""]);
      const list = (await (await fetch(`${server.url}/api/v1/pulls`)).json()) as PullList;
      expect(list.pulls).toMatchObject([{ nodeName: "node-7", phase: "done", recording: true, layerCount: 24 }]);
    } finally {
      await server.close();
    }
  });

  it("is whole lines up to the last moment when its program is killed, and never written over", async () => {
    const file = join(folder, "killed.jsonl");
    const { child, output } = record(file);
    await until("the recorder watches", () => (output().includes('"msg":"recording"') ? true : undefined));
    await until("a report in the file", async () => {
      const text = await readFile(file, "utf8");
      return text.split("\n").length > 2 || undefined;
    });
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
    expect((await linesOf(file)).length).toBeGreaterThan(1);
    const again = await runWaybill(["pulltrace", "record", file], { PULLTRACE_NODE_NAME: "node-7" });
    expect([again.code, again.stderr]).toEqual([expect.any(Number), expect.stringContaining("is there already")]);
    expect(again.code).not.toBe(0);
  });
});
