import { access, openAuthenticator } from "@waybill/foundation/auth";
import { createApp, readJson, startServer } from "@waybill/foundation/http";
import type { Logger } from "@waybill/foundation/telemetry";
import { startAgent } from "@waybill/pulltrace/agent";
import type { AgentReport } from "@waybill/pulltrace/contract";
import { recordReports } from "@waybill/pulltrace/recording";

const reportLimitBytes = 1024 * 1024;

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
  close(): Promise<void>;
}

/**
 * An agent whose server is this process: what it would have reported goes into the file.
 * @throws the file system's error, EEXIST when the file is there.
 */
export async function startRecorder(init: RecorderInit): Promise<Recorder> {
  const { log } = init;
  await using stack = new AsyncDisposableStack();
  const recording = await recordReports(init.file, init.note === undefined ? {} : { note: init.note });
  stack.defer(() => recording.close());
  const app = createApp({
    groups: [
      {
        name: "recorder",
        routes: [
          {
            method: "POST",
            path: "/api/v1/report",
            access: access.agent,
            handler: async (c) => {
              // The only sender is the agent below; a server that gets this recording judges every field.
              await recording.take((await readJson(c, reportLimitBytes)) as AgentReport);
              return c.body(null, 204);
            },
          },
        ],
      },
    ],
    authenticator: openAuthenticator(),
    log,
    hostGuard: true,
  });
  const server = await startServer({ app, address: { host: "127.0.0.1", port: 0 }, log, drainTimeoutMs: 2000 });
  stack.defer(() => server.close());
  const agent = await startAgent({
    nodeName: init.nodeName,
    serverUrl: server.url,
    containerdSocket: init.containerdSocket,
    allowedSockets: init.allowedSockets,
    reportIntervalMs: init.reportInterval,
    agentVersion: init.version,
    log,
  });
  stack.defer(() => agent.close());
  const everything = stack.move();
  return { reports: () => recording.reports, close: () => everything.disposeAsync() };
}
