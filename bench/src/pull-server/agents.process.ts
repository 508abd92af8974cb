/**
 * Simulated agents: each has a connection of its own that it keeps, an address of its own in 127.0.0.0/8, and reports
 * gzip'ed once a second, spread over the second. One that got no answer leaves its turn out, as real agents do.
 */
import { connect, type Socket } from "node:net";
import { nodeNameOf, reportsAt, type Workload } from "./workload.ts";

export interface AgentsOrder {
  readonly port: number;
  readonly workload: Workload;
  /** Milliseconds since 1970. */
  readonly epoch: number;
}

export interface AgentsFigures {
  readonly sent: number;
  readonly taken: number;
  readonly refused: number;
  /** Turns left out because the report before had no answer yet. */
  readonly late: number;
}

interface SimulatedAgent {
  readonly name: string;
  readonly socket: Socket;
  busy: boolean;
}

const slotMs = 10;
const slots = 1_000 / slotMs;
const figures = { sent: 0, taken: 0, refused: 0, late: 0 };
const agents: SimulatedAgent[] = [];
let timer: NodeJS.Timeout | undefined;

/** Each answer fits in a packet: its status stands in the first bytes. */
function open(order: AgentsOrder, index: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const localAddress = `127.${64 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
    const socket = connect({ port: order.port, host: "127.0.0.1", localAddress, noDelay: true });
    const agent: SimulatedAgent = { name: nodeNameOf(index), socket, busy: false };
    socket.once("connect", () => {
      agents.push(agent);
      resolve();
    });
    socket.on("error", reject);
    socket.on("data", (answer: Buffer) => {
      agent.busy = false;
      if (answer.toString("latin1", 9, 12) === "200") figures.taken += 1;
      else {
        if (figures.refused === 0) process.stderr.write(`${answer.toString("latin1")}\n`);
        figures.refused += 1;
      }
    });
    socket.on("close", () => {
      if (timer !== undefined) process.stderr.write("the server closed an agent's connection\n");
    });
  });
}

function report(order: AgentsOrder): void {
  let turn = 0;
  const begun = performance.now();
  timer = setInterval(() => {
    // A timer that came late makes up for what it missed, so that each agent reports once a second.
    const due = Math.floor((performance.now() - begun) / slotMs);
    for (; turn < due; turn += 1) {
      const bodyOf = reportsAt(order.workload, Date.now() - order.epoch, order.epoch);
      for (let index = turn % slots; index < agents.length; index += slots) {
        const agent = agents[index];
        if (agent === undefined) continue;
        if (agent.busy) {
          figures.late += 1;
          continue;
        }
        const body = bodyOf(agent.name);
        agent.busy = true;
        figures.sent += 1;
        agent.socket.cork();
        agent.socket.write(
          `POST /api/v1/report HTTP/1.1\r\nHost: 127.0.0.1:${order.port}\r\ncontent-type: application/json\r\n` +
            `content-length: ${body.length}\r\ncontent-encoding: gzip\r\nConnection: keep-alive\r\n\r\n`,
        );
        agent.socket.write(body);
        agent.socket.uncork();
      }
    }
  }, slotMs);
}

interface Order {
  readonly open?: AgentsOrder;
  readonly start?: AgentsOrder;
  readonly stop?: true;
  readonly figures?: true;
}

async function obey(message: Order): Promise<void> {
  if (message.open !== undefined) {
    const order = message.open;
    for (let index = 0; index < order.workload.nodes; index += 100) {
      const some = Math.min(100, order.workload.nodes - index);
      await Promise.all(Array.from({ length: some }, (_, next) => open(order, index + next)));
    }
    process.send?.({ opened: true });
  }
  if (message.start !== undefined) {
    report(message.start);
    process.send?.({ started: true });
  }
  if (message.figures === true) process.send?.({ figures });
  if (message.stop === true) {
    clearInterval(timer);
    timer = undefined;
    process.send?.({ stopped: true });
  }
}
process.on("message", (message: Order) => void obey(message));
process.on("disconnect", () => process.exit(0));
