/** The thread that takes the agents' reports. `thread.ts` is its other side. */
import { parentPort, workerData } from "node:worker_threads";
import { UserError } from "@waybill/foundation/errors";
import { startListener, type RunningServer } from "@waybill/foundation/http";
import { createLogger } from "@waybill/foundation/telemetry";
import { reviewedAgents, type ReviewedAgent } from "../agent-identity.ts";
import { clientAddresses } from "../client-address.ts";
import { createClientLimits } from "../client-limits.ts";
import { createReportIntake } from "../report-intake.ts";
import { createReportDoor } from "./door.ts";
import { createHandover } from "./handover.ts";
import { keptBounds, type FromThread, type ThreadOrder, type ToThread } from "./protocol.ts";

const port = parentPort;
if (port === null) throw new Error("report.worker.ts runs as a worker thread only");
const {
  address,
  limits,
  agentToken,
  serviceAccounts,
  hostGuard,
  trustedProxies,
  log: logging,
} = workerData as ThreadOrder;
const post = (message: FromThread, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
const log = createLogger({ ...logging, destination: { write: (line) => post({ kind: "log", line }) } });

const reviews = new Map<number, (answer: Extract<ToThread, { kind: "reviewed" }>) => void>();
let nextReview = 0;
/** Only the main thread talks to Kubernetes; what it said is kept here for a minute. */
function review(token: string): Promise<ReviewedAgent | undefined> {
  const id = nextReview++;
  return new Promise((resolve, reject) => {
    reviews.set(id, ({ agent, failed }) => {
      if (failed === true) reject(new Error("Kubernetes cannot be asked"));
      else resolve(agent);
    });
    post({ kind: "review", id, token });
  });
}

const handover = createHandover({
  send: (batch, refused) => post({ kind: "reports", batch, refused }, [batch.numbers.buffer]),
  bounds: keptBounds(limits),
  mostWaiting: limits.nodes,
});
const intake = createReportIntake({
  limits,
  clients: createClientLimits(limits),
  ...(serviceAccounts === undefined ? {} : { agents: reviewedAgents({ review, serviceAccounts }) }),
  known: (nodeName) => handover.known(nodeName),
  take: (report) => handover.take(report),
  refused: () => handover.refused(),
});
const listener = createReportDoor({
  intake,
  addressOf: clientAddresses(trustedProxies),
  hostGuard,
  refused: () => handover.refused(),
  log,
  ...(agentToken === undefined ? {} : { agentToken }),
});

let server: Promise<RunningServer> | undefined;
port.on("message", (message: ToThread) => {
  if (message.kind === "taken") handover.settle(message);
  else if (message.kind === "ping") post({ kind: "alive", id: message.id });
  else if (message.kind === "reviewed") {
    reviews.get(message.id)?.(message);
    reviews.delete(message.id);
  } else void server?.then((running) => running.close()).then(() => port.close());
});

/** In a function, since the bundle of the container image is CommonJS, where no await stands outside of one. */
async function listen(): Promise<void> {
  try {
    server = startListener({ listener, address, log });
    const { host, port: number } = await server;
    post({ kind: "listening", host, port: number });
  } catch (error) {
    const { cause, message } = error instanceof Error ? error : new Error(String(error));
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : undefined;
    const advice = error instanceof UserError ? error.advice : undefined;
    post({
      kind: "failed",
      message,
      ...(advice === undefined ? {} : { advice }),
      ...(code === undefined ? {} : { code }),
    });
    port?.close();
  }
}
void listen();
