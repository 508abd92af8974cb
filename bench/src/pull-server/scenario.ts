import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { processFigures } from "../process-figures.ts";
import type { AgentsFigures, AgentsOrder } from "./agents.process.ts";
import type { ClientsFigures, ClientsOrder } from "./clients.process.ts";
import { quantile, totalOf } from "./latencies.ts";
import { ask, startHelper, stop } from "./load-process.ts";
import type { Workload } from "./workload.ts";

export interface Scenario {
  readonly name: string;
  readonly workload: Workload;
  readonly clients: number;
  readonly path: string;
  readonly view: "events" | "page";
  readonly gzip: boolean;
}

export interface Outcome {
  /** While it counted; refused ones from the beginning. */
  readonly agents: AgentsFigures;
  readonly clients: ClientsFigures;
  /** Messages that were skipped, or that the clients did not get to the end. */
  readonly lost: number;
  readonly reportsPerSecond: number;
  readonly messagesPerSecond: number;
  readonly megabytesPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly slowest: number;
  /** Of one. */
  readonly cores: number;
  /** Of one, for agents and clients together. */
  readonly loadCores: number;
  readonly residentMiB: number;
  readonly peakMiB: number;
}

async function startServer(
  nodeFlags: readonly string[],
): Promise<{ child: ChildProcess; port: number; reportPort: number }> {
  const child = fork(join(import.meta.dirname, "server.process.ts"), { execArgv: [...nodeFlags] });
  const [ports] = (await once(child, "message")) as [{ port: number; reportPort: number }];
  return { child, ...ports };
}

/** Plays a scenario against a server of its own: five seconds to warm up, then `seconds` that count. */
export async function play(
  scenario: Scenario,
  options: { readonly seconds: number; readonly nodeFlags?: readonly string[] },
): Promise<Outcome> {
  await using stack = new AsyncDisposableStack();
  const server = await startServer(options.nodeFlags ?? []);
  stack.defer(() => stop(server.child, "SIGTERM"));
  const readers = stack.adopt(startHelper("clients.process.ts"), (child) => stop(child));
  const agents = stack.adopt(startHelper("agents.process.ts"), (child) => stop(child));
  const epoch = Date.now();
  const { port, reportPort } = server;
  const pid = server.child.pid ?? 0;
  const { clients, path, view, gzip } = scenario;
  await ask(readers, { start: { port, clients, path, view, gzip, epoch } satisfies ClientsOrder }, "started");
  const order: AgentsOrder = { port: reportPort, workload: scenario.workload, epoch };
  await ask(agents, { open: order }, "opened");
  await sleep(1_500);
  // What comes before is each client's own: a fresh list, a pause before it would come back.
  await ask(readers, { begin: true }, "begun");
  await ask(agents, { start: order }, "started");
  await sleep(5_000);

  readers.send({ measure: true });
  const before = await processFigures(pid);
  const loadBefore = await loadSeconds([readers, agents]);
  const agentsBefore = await ask<AgentsFigures>(agents, { figures: true }, "figures");
  const clientsBefore = await ask<ClientsFigures>(readers, { figures: true }, "figures");
  await sleep(options.seconds * 1_000);
  const after = await processFigures(pid);
  const loadAfter = await loadSeconds([readers, agents]);
  const agentsAfter = await ask<AgentsFigures>(agents, { figures: true }, "figures");
  const clientsAfter = await ask<ClientsFigures>(readers, { figures: true }, "figures");

  await ask(agents, { stop: true }, "stopped");
  const newest = await newestNumber(port);
  let last = clientsAfter;
  for (let wait = 0; wait < 50; wait += 1) {
    last = await ask<ClientsFigures>(readers, { figures: true }, "figures");
    if (last.complete + last.cut + last.different === clients && (view === "page" || last.stream.lastNumber >= newest))
      break;
    await sleep(200);
  }
  // Those who were cut off have no end to come to; they are counted by themselves.
  const behind = view === "events" && last.cut < clients ? Math.max(0, newest - last.stream.lastNumber) : 0;
  const messages = clientsAfter.stream.messages - clientsBefore.stream.messages;
  return {
    agents: {
      sent: agentsAfter.sent - agentsBefore.sent,
      taken: agentsAfter.taken - agentsBefore.taken,
      refused: agentsAfter.refused,
      late: agentsAfter.late - agentsBefore.late,
    },
    clients: last,
    lost: last.stream.gaps + behind,
    reportsPerSecond: (agentsAfter.taken - agentsBefore.taken) / options.seconds,
    messagesPerSecond: messages / options.seconds,
    megabytesPerSecond: (clientsAfter.bytes - clientsBefore.bytes) / 1e6 / options.seconds,
    p50: quantile(last.latencies, 0.5),
    p99: quantile(last.latencies, 0.99),
    slowest: quantile(last.latencies, totalOf(last.latencies) > 0 ? 1 : 0),
    loadCores: (loadAfter - loadBefore) / options.seconds,
    cores: (after.cpuSeconds - before.cpuSeconds) / options.seconds,
    residentMiB: after.residentMiB,
    peakMiB: after.peakMiB,
  };
}

async function loadSeconds(programs: readonly ChildProcess[]): Promise<number> {
  const figures = await Promise.all(programs.map(({ pid }) => processFigures(pid ?? 0)));
  return figures.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

/** Number of the newest event, after the last report was answered. */
async function newestNumber(port: number): Promise<number> {
  await sleep(1_000);
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/pulls?node=nobody`);
  const { lastEventId } = (await answer.json()) as { lastEventId: string };
  return Number(lastEventId.slice(lastEventId.lastIndexOf("-") + 1));
}
