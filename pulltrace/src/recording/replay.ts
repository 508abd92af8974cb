import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { createGunzip } from "node:zlib";
import { UserError } from "@waybill/foundation/errors";
import type { Logger } from "@waybill/foundation/telemetry";
import type { AgentReport } from "../contract/index.ts";
import { longestLineCharacters, parseHeader, parseLine, type RecordedReport, type RecordingHeader } from "./format.ts";
import { shiftReport } from "./shift.ts";

export interface ReplayOptions {
  readonly serverUrl: string;
  readonly agentToken?: string;
  /** 2 is twice as fast; 1 when left out. */
  readonly speed?: number;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** The server forgets a node that is silent, so between two lines the last report is said again. */
const repeatEveryMs = 1_000;
/** What ended in the last report stays in it for so long that the server has surely heard it. */
const lingerMs = 3_000;

/**
 * Sends a recording to a server as if it happened now, each report marked as a recording. Resolves at its end or when
 * the signal aborts.
 * @throws UserError when the file is not a recording or the server refuses it.
 */
export async function replayRecording(file: string, options: ReplayOptions): Promise<void> {
  const speed = options.speed ?? 1;
  if (!(speed > 0) || !Number.isFinite(speed)) throw new UserError("The speed of a replay must be a number above 0.");
  const lines = readRecording(file);
  const head = await lines.next();
  if (head.done === true || !("waybillRecording" in head.value)) throw new UserError(`${file} is empty.`);
  const replayedAt = Date.now();
  const shift = { recordedAt: Date.parse(head.value.recordedAt), replayedAt, speed };
  let last: AgentReport | undefined;
  const say = async (report: AgentReport) => {
    last = report;
    await post(report, options);
  };
  try {
    for await (const line of lines) {
      if ("waybillRecording" in line) continue;
      await hold(replayedAt + line.atMs / speed);
      await say(shiftReport(line.report, shift));
    }
    await hold(Date.now() + lingerMs);
  } catch (error) {
    if (!options.signal.aborted) throw error;
  }

  async function hold(until: number): Promise<void> {
    while (Date.now() < until) {
      await delay(Math.min(repeatEveryMs, until - Date.now()), undefined, { signal: options.signal });
      if (last !== undefined && Date.now() < until) await say({ ...last, timestamp: new Date().toISOString() });
    }
  }
}

/**
 * The header, then the reports, one at a time.
 * @throws UserError naming the file and the line that is not right.
 */
export async function* readRecording(file: string): AsyncGenerator<RecordingHeader | RecordedReport> {
  const disk = createReadStream(file);
  const text = file.endsWith(".gz") ? disk.pipe(createGunzip()) : disk;
  disk.on("error", (error) => text.destroy(error));
  let number = 0;
  let atMs = 0;
  try {
    for await (const line of limitedLines(text)) {
      number += 1;
      if (number === 1) {
        yield parseHeader(line);
      } else if (line !== "") {
        const report = parseLine(line, atMs);
        atMs = report.atMs;
        yield report;
      }
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(
      number === 0 ? `${file} cannot be read: ${reason}` : `${file} ${reason} (line ${number}).`,
      "Make a recording with `waybill pulltrace record FILE`.",
      { cause: error },
    );
  } finally {
    disk.destroy();
  }
}

/** readline keeps a line whole in memory, however long: a file of one endless line must not fill it. */
async function* limitedLines(text: NodeJS.ReadableStream): AsyncGenerator<string> {
  let sinceLine = 0;
  text.on("data", (chunk: Buffer) => {
    const end = chunk.lastIndexOf(10);
    sinceLine = end === -1 ? sinceLine + chunk.length : chunk.length - end - 1;
    if (sinceLine > longestLineCharacters && "destroy" in text && typeof text.destroy === "function") {
      text.destroy(new Error(`has a line of more than ${longestLineCharacters} characters`));
    }
  });
  const broken = new Promise<never>((_, reject) => text.once("error", reject));
  broken.catch(() => undefined);
  const lines = createInterface({ input: text, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  for (;;) {
    const next = await Promise.race([lines.next(), broken]);
    if (next.done === true) return;
    yield next.value;
  }
}

async function post(report: AgentReport, options: ReplayOptions): Promise<void> {
  const base = options.serverUrl.endsWith("/") ? options.serverUrl : `${options.serverUrl}/`;
  const url = new URL("api/v1/report", base);
  let answer: Response;
  try {
    answer = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(options.agentToken === undefined ? {} : { authorization: `Bearer ${options.agentToken}` }),
      },
      body: JSON.stringify(report),
      signal: AbortSignal.any([options.signal, AbortSignal.timeout(10_000)]),
      redirect: "error",
    });
  } catch (error) {
    if (options.signal.aborted) throw error;
    // A server that restarts: the next report tells everything again.
    options.log.warn({ reason: error instanceof Error ? error.message : String(error) }, "a report did not arrive");
    return;
  }
  await answer.body?.cancel();
  if (answer.ok) return;
  const refused = answer.status === 401 || answer.status === 403;
  if (!refused && (answer.status >= 500 || answer.status === 429)) {
    options.log.warn({ status: answer.status }, "a report was not taken");
    return;
  }
  throw new UserError(
    `The server at ${url.origin} refuses the recording (status ${answer.status}).`,
    refused ? "Set PULLTRACE_AGENT_TOKEN to the server's token." : "Replay against a server of this version.",
  );
}
