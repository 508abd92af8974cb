import type { Logger } from "@waybill/foundation/telemetry";
import type { AgentReport } from "../contract/index.ts";
import { containerdClient, openChannel } from "./containerd/index.ts";
import { type Monitor, startMonitor } from "./monitor.ts";
import { createObserver } from "./observation/index.ts";
import { permittedSocket } from "./socket-path.ts";

export interface NodeWatchOptions {
  /** 1..253 characters. */
  readonly nodeName: string;
  readonly containerdSocket: string;
  /** Sockets outside of /run/containerd/ that may be opened. */
  readonly allowedSockets?: readonly string[];
  readonly reportIntervalMs: number;
  readonly agentVersion?: string;
  /** Gets a full snapshot once a period. */
  readonly report: (report: AgentReport) => void;
  /** Milliseconds since a report last arrived where it should; 0 when left out. */
  readonly unheardMs?: () => number;
  /** Milliseconds that the end of a pull is told for, and for as long again as no report arrives; a minute when left out. */
  readonly keepFinishedMs?: number;
  readonly log: Logger;
}

/**
 * Watches one containerd and tells what is pulled, to whoever wants to know; waits for it while it is away.
 * @throws UserError when the socket's path is not permitted.
 */
export function watchNode(options: NodeWatchOptions): Monitor {
  const socketPath = permittedSocket(options.containerdSocket, options.allowedSockets);
  const containerd = containerdClient(openChannel({ socketPath }));
  return startMonitor({
    nodeName: options.nodeName,
    reportIntervalMs: options.reportIntervalMs,
    observer: createObserver({ containerd, socketPath }),
    report: options.report,
    ended: () => containerd.close(),
    log: options.log,
    ...(options.unheardMs === undefined ? {} : { unheardMs: options.unheardMs }),
    ...(options.keepFinishedMs === undefined ? {} : { keepFinishedMs: options.keepFinishedMs }),
    ...(options.agentVersion === undefined ? {} : { agentVersion: options.agentVersion }),
  });
}
