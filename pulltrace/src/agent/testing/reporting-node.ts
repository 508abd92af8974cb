import { setTimeout as delay } from "node:timers/promises";
import { silentLogger } from "@waybill/foundation/testing";
import type { AgentReport, ReportedPull } from "../../contract/index.ts";
import {
  type ContainerdProgram,
  type MadeImage,
  type RateLimitedProxy,
  rateLimitedProxy,
  type RunningContainerd,
  startContainerd,
  startReportReceiver,
} from "../../testing/index.ts";
import { type Agent, startAgent } from "../agent.ts";

/** A containerd with an agent, whose reports are kept, and a slow link to a registry. Each test has one of its own. */
export interface ReportingNode extends AsyncDisposable {
  readonly containerd: RunningContainerd;
  readonly proxy: RateLimitedProxy;
  readonly agent: Agent;
  readonly reports: readonly AgentReport[];
  /** Reports that came while the server was away. */
  readonly refused: readonly AgentReport[];
  /** Lets the server answer 503 to everything, or serve again. */
  setServerAway(away: boolean): void;
  /** The name by which containerd pulls the image through the link. */
  name(image: MadeImage): string;
  /** Each report of the repository's pulls, oldest first. */
  history(repository: string): ReportedPull[];
  /** The first report, from the last one on, that is as asked. */
  until(what: (report: AgentReport) => boolean): Promise<AgentReport>;
  stopAgent(): Promise<void>;
  startAgent(): Promise<void>;
}

/** When a wait is given up. */
const hopeMs = 150_000;

export function pullsOf(report: AgentReport, repository: string): ReportedPull[] {
  return report.pulls.filter((pull) => pull.imageRef.includes(`/${repository}`));
}

export async function startReportingNode(options: {
  readonly program: ContainerdProgram;
  readonly registryPort: number;
  readonly bytesPerSecond: number;
  /** How long the agent tells of an end that was heard; its own choice when left out. */
  readonly keepFinishedMs?: number;
}): Promise<ReportingNode> {
  await using stack = new AsyncDisposableStack();
  const reports: AgentReport[] = [];
  const refused: AgentReport[] = [];
  let away = false;
  const receiver = stack.adopt(
    await startReportReceiver({
      onReport: (report) => (away ? refused : reports).push(report),
      answer: () => (away ? 503 : 200),
    }),
    (one) => one.close(),
  );
  const proxy = stack.adopt(
    await rateLimitedProxy({
      target: { host: "127.0.0.1", port: options.registryPort },
      bytesPerSecond: options.bytesPerSecond,
    }),
    (one) => one.close(),
  );
  const containerd = stack.adopt(await startContainerd(options.program), (one) => one.close());
  const newAgent = () =>
    startAgent({
      nodeName: "node-1",
      serverUrl: receiver.url,
      containerdSocket: containerd.socket,
      allowedSockets: [containerd.socket],
      reportIntervalMs: 500,
      log: silentLogger(),
      ...(options.keepFinishedMs === undefined ? {} : { keepFinishedMs: options.keepFinishedMs }),
    });
  let agent = await newAgent();
  let runs = true;
  const stopAgent = async () => {
    if (runs) await agent.close();
    runs = false;
  };
  stack.defer(stopAgent);
  const owned = stack.move();
  return {
    containerd,
    proxy,
    get agent() {
      return agent;
    },
    reports,
    refused,
    setServerAway: (now) => void (away = now),
    name: (image) => `${proxy.address}/${image.reference}`,
    history: (repository) => reports.flatMap((report) => pullsOf(report, repository)),
    async until(what) {
      const end = Date.now() + hopeMs;
      for (let seen = Math.max(0, reports.length - 1); Date.now() < end;) {
        for (; seen < reports.length; seen += 1) {
          const report = reports[seen];
          if (report !== undefined && what(report)) return report;
        }
        await delay(50);
      }
      throw new Error(`no such report came; the last was ${JSON.stringify(reports.at(-1), undefined, 1)}`);
    },
    stopAgent,
    async startAgent() {
      agent = await newAgent();
      runs = true;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
