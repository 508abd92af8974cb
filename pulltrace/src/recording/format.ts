import type { AgentReport } from "../contract/index.ts";

/**
 * A recording is text: one JSON document per line, gzip'ed when the file's name ends in `.gz`. The first line says what
 * it is, every further line is one report and when it was made. Version 1; a reader refuses a version that it does not
 * know, and ignores fields that it does not know.
 */
export interface RecordingHeader {
  readonly waybillRecording: 1;
  /** RFC 3339. */
  readonly recordedAt: string;
  /** What was recorded, in a sentence. */
  readonly note?: string;
}

export interface RecordedReport {
  /** Milliseconds since `recordedAt`; never falls from line to line. */
  readonly atMs: number;
  readonly report: AgentReport;
}

/** One report; the server takes no more either. */
export const longestLineCharacters = 4 * 1024 * 1024;
const longestRecordingMs = 24 * 60 * 60 * 1000;

/** @throws Error that says what is wrong with the line. */
export function parseHeader(line: string): RecordingHeader {
  const value = parsed(line);
  if (!isRecord(value) || !("waybillRecording" in value))
    throw new Error("is not a recording: its first line says no version");
  if (value["waybillRecording"] !== 1) {
    throw new Error(`has version ${JSON.stringify(value["waybillRecording"])}; this program reads version 1`);
  }
  const recordedAt = value["recordedAt"];
  if (typeof recordedAt !== "string" || Number.isNaN(Date.parse(recordedAt)))
    throw new Error("has no time in its first line");
  const note = value["note"];
  return { waybillRecording: 1, recordedAt, ...(typeof note === "string" ? { note } : {}) };
}

/** @throws Error that says what is wrong with the line. The server judges the report itself. */
export function parseLine(line: string, previousAtMs: number): RecordedReport {
  if (line.length > longestLineCharacters) throw new Error(`has a line of ${line.length} characters`);
  const value = parsed(line);
  if (!isRecord(value)) throw new Error("has a line that is no JSON object");
  const { atMs, report } = value;
  if (typeof atMs !== "number" || !(atMs >= previousAtMs) || atMs > longestRecordingMs) {
    throw new Error("has a line whose atMs is not a number of milliseconds that goes up");
  }
  if (!isReport(report)) throw new Error("has a line without a report");
  return { atMs, report };
}

function isReport(value: unknown): value is AgentReport {
  return (
    isRecord(value) &&
    typeof value["nodeName"] === "string" &&
    typeof value["timestamp"] === "string" &&
    Array.isArray(value["pulls"]) &&
    value["pulls"].every((pull) => isRecord(pull) && Array.isArray(pull["layers"]) && pull["layers"].every(isRecord))
  );
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
