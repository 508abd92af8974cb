import type { Logger } from "@waybill/foundation/telemetry";
import { watchNode } from "@waybill/pulltrace/agent";
import type { AgentReport } from "@waybill/pulltrace/contract";
import { recordReports } from "@waybill/pulltrace/recording";

export interface RecorderInit {
  readonly file: string;
  readonly note: string | undefined;
  readonly nodeName: string;
  readonly containerdSocket: string;
  readonly allowedSockets: readonly string[];
  /** Milliseconds. */
  readonly reportInterval: number;
  readonly version: string;
  readonly log: Logger;
}

export interface Recorder {
  readonly reports: () => number;
  /** @throws the file system's error when the file could not be written. */
  close(): Promise<void>;
}

/**
 * What an agent on this machine would report goes into the file.
 * @throws the file system's error, EEXIST when the file is there; UserError when the socket is not permitted.
 */
export async function startRecorder(init: RecorderInit): Promise<Recorder> {
  const { log } = init;
  const recording = await recordReports(init.file, init.note === undefined ? {} : { note: init.note });
  let waiting: AgentReport | undefined;
  let writing: Promise<void> | undefined;
  let told = false;
  /** A report is a full snapshot: while the disk takes one, the newest of the others is enough. */
  const drain = async (): Promise<void> => {
    for (let report = waiting; report !== undefined; report = waiting) {
      waiting = undefined;
      await recording.take(report);
      if (recording.full && !told) log.warn("the recording is full: what comes now is left out");
      told = recording.full;
    }
  };
  const keep = (report: AgentReport): void => {
    waiting = report;
    writing ??= drain()
      // `close` of the recording says it again, and fails.
      .catch((err: unknown) => log.error({ err }, "the recording cannot be written"))
      .finally(() => (writing = undefined));
  };
  try {
    const watch = watchNode({
      nodeName: init.nodeName,
      containerdSocket: init.containerdSocket,
      allowedSockets: init.allowedSockets,
      reportIntervalMs: init.reportInterval,
      agentVersion: init.version,
      report: keep,
      log,
    });
    return {
      reports: () => recording.reports,
      async close() {
        await watch.close();
        await writing;
        await recording.close();
      },
    };
  } catch (error) {
    await recording.close();
    throw error;
  }
}
