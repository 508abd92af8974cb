import { fork } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "./until.ts";

/** What the server's process holds, after its garbage was collected. */
export interface Holdings {
  readonly heapBytes: number;
  readonly residentBytes: number;
  /** Those that are set, also such as do not keep the process alive. */
  readonly timers: number;
  readonly sockets: number;
  readonly warnings: readonly string[];
}

export interface SoakOutcome {
  /** Before the first agent and client. */
  readonly before: Holdings;
  /** While they come and go: in the middle of each round. */
  readonly during: readonly Holdings[];
  /** After each round, when all of them have left: what grows here from round to round is a leak. */
  readonly between: readonly Holdings[];
  /** After the last one left. */
  readonly after: Holdings;
  readonly reports: number;
  readonly refused: number;
  readonly clients: number;
  readonly eventBytes: number;
}

const queries = ["", "?view=page", "?node=node-1", "?view=page&rows=10", "?image=r.example/team/app"];

/**
 * Agents and clients that come, stay some seconds and leave, most of them without a word, in rounds of equal length. What
 * is held while they are there depends on who is there at that moment: only what stays when all have left can be compared.
 */
export async function soak(rounds: number, secondsPerRound: number): Promise<SoakOutcome> {
  const server = fork(join(import.meta.dirname, "pull-server.process.ts"), { execArgv: ["--expose-gc"] });
  const [{ url, reportUrl }] = (await once(server, "message")) as [{ url: string; reportUrl: string }];
  const holdings = async (): Promise<Holdings> => {
    const answer = once(server, "message");
    server.send("holdings");
    return ((await answer) as [Holdings])[0];
  };
  let roundEnd = 0;
  const over = (): boolean => performance.now() >= roundEnd;
  const counts = { reports: 0, refused: 0, clients: 0, eventBytes: 0 };

  const agents = async (lane: number, round: number): Promise<void> => {
    // Some nodes report to the address of all, others to the one that is the agents' alone and has a thread of its own.
    const door = lane % 2 === 0 ? url : reportUrl;
    for (let life = round * 1_000; !over(); life += 1) {
      const connection = new Agent({ keepAlive: true, maxSockets: 1 });
      const nodeName = `node-${lane}-${life % 5}`;
      const last = 3 + (life % 5);
      for (let turn = 0; turn <= last && !over(); turn += 1) {
        const status = await post(door, connection, reportOf(nodeName, life, turn, last));
        if (status === 200) counts.reports += 1;
        else counts.refused += 1;
        await sleep(100);
      }
      connection.destroy();
    }
  };
  const clients = async (lane: number): Promise<void> => {
    for (let life = 0; !over(); life += 1) {
      counts.clients += 1;
      const bytes = await follow(`${url}/api/v1/events${queries[(lane + life) % queries.length]}`, {
        gzip: life % 2 === 0,
        reads: life % 7 !== 0,
        milliseconds: 300 + 200 * (life % 6),
      });
      counts.eventBytes += bytes;
    }
  };

  try {
    const before = await holdings();
    const during: Holdings[] = [];
    const between: Holdings[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const milliseconds = secondsPerRound * 1_000;
      roundEnd = performance.now() + milliseconds;
      const lanes = [
        ...Array.from({ length: 15 }, (_, lane) => agents(lane, round)),
        ...Array.from({ length: 20 }, (_, lane) => clients(lane)),
      ];
      await sleep(milliseconds / 2);
      during.push(await holdings());
      await Promise.all(lanes);
      let left = await holdings();
      await until("the server to hold nothing of those who left", async () => {
        left = await holdings();
        return left.sockets <= before.sockets && left.timers <= before.timers ? true : undefined;
      }).catch(() => false);
      between.push(left);
    }
    const after = between.at(-1) ?? before;
    return { before, during, between, after, ...counts };
  } finally {
    const gone = once(server, "exit");
    server.disconnect();
    await gone;
  }
}

function reportOf(nodeName: string, life: number, turn: number, last: number): object {
  const done = turn === last;
  return {
    nodeName,
    timestamp: new Date().toISOString(),
    reportIntervalMs: 100,
    pulls: [1, 2].map((pull) => ({
      id: `${life}-${pull}`,
      imageRef: `r.example/team/app:${pull}`,
      startedAt: new Date().toISOString(),
      totalKnown: true,
      phase: done ? "done" : "downloading",
      layers: [1, 2, 3].map((layer) => ({
        digest: `sha256:${String(layer * pull).padStart(64, "0")}`,
        mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
        totalBytes: 1_000,
        downloadedBytes: done ? 1_000 : Math.round((1_000 * turn) / last),
        totalKnown: true,
        phase: done ? "done" : "downloading",
      })),
    })),
  };
}

function post(url: string, agent: Agent, report: object): Promise<number> {
  return new Promise((resolve, reject) => {
    const sending = request(`${url}/api/v1/report`, { method: "POST", agent }, (answer) => {
      answer.resume().once("end", () => resolve(answer.statusCode ?? 0));
    });
    sending.once("error", reject);
    sending.end(JSON.stringify(report));
  });
}

/** Follows for a while, reading or not, and breaks the connection off. Bytes that came. */
function follow(
  url: string,
  options: { readonly gzip: boolean; readonly reads: boolean; readonly milliseconds: number },
): Promise<number> {
  return new Promise((resolve) => {
    let bytes = 0;
    const asking = request(url, { agent: false, headers: options.gzip ? { "accept-encoding": "gzip" } : {} });
    asking.on("error", () => {});
    asking.once("response", (answer) => {
      answer.on("error", () => {});
      if (options.reads) answer.on("data", (piece: Buffer) => (bytes += piece.length));
    });
    asking.end();
    setTimeout(() => {
      asking.destroy();
      resolve(bytes);
    }, options.milliseconds);
  });
}
