import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { withoutSecrets } from "../answers/index.ts";
import type { AgentReport } from "../contract/index.ts";
import { type RecordingHeader, type RecordedReport } from "./format.ts";

export interface RecordOptions {
  readonly note?: string;
  /** What does not fit any more is left out; the file stays whole. */
  readonly limitBytes?: number;
  readonly now?: () => number;
}

export interface Recording {
  /** Writes the report down; resolves when the file took it. Equal reports in a row are written once a minute. */
  take(report: AgentReport): Promise<void>;
  readonly reports: number;
  /** True once a report did not fit under the limit. */
  readonly full: boolean;
  close(): Promise<void>;
}

const defaultLimitBytes = 256 * 1024 * 1024;
const repeatMs = 60_000;

/**
 * Writes reports into a new file (`.gz` in its name compresses it). What an agent reports has names of images, of the
 * node and of pods' namespaces in it. Tokens are not part of a report, and what looks like one in any text of it (a
 * message that quotes a URL, say) is masked: recordings are attached to bug reports.
 * @throws the file system's error, EEXIST when the file is there.
 */
export async function recordReports(file: string, options: RecordOptions = {}): Promise<Recording> {
  const now = options.now ?? Date.now;
  const limitBytes = options.limitBytes ?? defaultLimitBytes;
  const disk = createWriteStream(file, { flags: "wx" });
  await once(disk, "open");
  const gzip = file.endsWith(".gz") ? createGzip() : undefined;
  gzip?.pipe(disk);
  const out = gzip ?? disk;
  const ended = finished(disk);
  // Told by `write` or `close`; unheard until then.
  ended.catch(() => undefined);
  const begun = now();
  let bytes = 0;
  let reports = 0;
  let full = false;
  let lastPulls = "";
  let lastAt = Number.NEGATIVE_INFINITY;

  const write = async (value: RecordingHeader | RecordedReport) => {
    const line = `${JSON.stringify(value, masked)}\n`;
    if (bytes + line.length > limitBytes) {
      full = true;
      return;
    }
    bytes += line.length;
    if (!out.write(line)) await Promise.race([once(out, "drain"), ended]);
  };
  await write({
    waybillRecording: 1,
    recordedAt: new Date(begun).toISOString(),
    ...(options.note === undefined ? {} : { note: options.note }),
  });
  return {
    async take(report) {
      const at = now();
      const pulls = JSON.stringify(report.pulls);
      if (full || (pulls === lastPulls && at - lastAt < repeatMs)) return;
      lastPulls = pulls;
      lastAt = at;
      await write({ atMs: Math.max(0, Math.round(at - begun)), report });
      if (!full) reports += 1;
    },
    get reports() {
      return reports;
    },
    get full() {
      return full;
    },
    async close() {
      out.end();
      await ended;
    },
  };
}

function masked(_: string, value: unknown): unknown {
  return typeof value === "string" ? withoutSecrets(value) : value;
}
