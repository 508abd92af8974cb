/**
 * The pull server under load: simulated agents at 1 Hz and clients of the event stream, each kind in a process of its
 * own on this machine. Prints figures; nothing here passes or fails. Arguments name scenarios (`1000x200`, …, or `knee`:
 * more nodes with each step until the server no longer keeps up).
 */
import { playBare } from "./bare.ts";
import { play, type Outcome, type Scenario } from "./scenario.ts";

const seconds = Number(process.env["BENCH_SECONDS"] ?? 30);
/** The container image gives Node none. */
const nodeFlags = (process.env["BENCH_SERVER_FLAGS"] ?? "").split(" ").filter((flag) => flag !== "");
const everything = { path: "/api/v1/events", view: "events" } as const;
const page = { path: "/api/v1/events?view=page", view: "page" } as const;
const thousand = { nodes: 1_000, pulls: 2, layers: 6 };
const fiveThousand = { nodes: 5_000, pulls: 2, layers: 8 };

const scenarios: Readonly<Record<string, Scenario>> = {
  "1000x10": {
    name: "1,000 × 2 × 6, 10 clients, all events",
    workload: thousand,
    clients: 10,
    ...everything,
    gzip: false,
  },
  "1000x10gz": { name: "the same, gzip", workload: thousand, clients: 10, ...everything, gzip: true },
  "1000x200": {
    name: "1,000 × 2 × 6, 200 clients, all events",
    workload: thousand,
    clients: 200,
    ...everything,
    gzip: false,
  },
  "1000x200gz": { name: "the same, gzip", workload: thousand, clients: 200, ...everything, gzip: true },
  "5000x10": {
    name: "5,000 × 2 × 8, 10 clients, all events",
    workload: fiveThousand,
    clients: 10,
    ...everything,
    gzip: false,
  },
  "5000x10gz": { name: "the same, gzip", workload: fiveThousand, clients: 10, ...everything, gzip: true },
  "5000x0": { name: "5,000 × 2 × 8, no client", workload: fiveThousand, clients: 0, ...everything, gzip: false },
  "5000x10000": {
    name: "5,000 × 2 × 8, 10,000 clients, page, gzip",
    workload: fiveThousand,
    clients: 10_000,
    ...page,
    gzip: true,
  },
  "5000x10000plain": {
    name: "the same, not compressed",
    workload: fiveThousand,
    clients: 10_000,
    ...page,
    gzip: false,
  },
};

function row(name: string, outcome: Outcome): string {
  const { agents, clients } = outcome;
  return [
    name,
    outcome.reportsPerSecond.toFixed(0),
    `${agents.refused} / ${agents.late}`,
    outcome.messagesPerSecond.toFixed(0),
    outcome.megabytesPerSecond.toFixed(0),
    `${outcome.lost} / ${clients.cut} / ${clients.stream.bad + clients.different}`,
    `${outcome.p50} / ${outcome.p99} / ${outcome.slowest}`,
    `${outcome.cores.toFixed(2)} + ${outcome.loadCores.toFixed(2)}`,
    ((outcome.cores / outcome.reportsPerSecond) * 1e6).toFixed(0),
    `${outcome.residentMiB.toFixed(0)} (${outcome.peakMiB.toFixed(0)})`,
  ].join(" | ");
}

console.log(
  "| load | reports/s | refused / late | messages/s to each | MB/s to all | lost / cut off / bad | p50 / p99 / max ms | cores of the server + load | µs of CPU a report | RSS (peak) MiB |",
);
console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");

async function measure(scenario: Scenario): Promise<Outcome> {
  const outcome = await play(scenario, { seconds, nodeFlags });
  console.log(`| ${row(scenario.name, outcome)} |`);
  return outcome;
}

/** Where reports come late or a reader waits longer than a second. */
async function findKnee(): Promise<void> {
  for (let nodes = 2_000; nodes <= 10_000; nodes += 1_000) {
    const workload = { nodes, pulls: 2, layers: 8 };
    const { agents, clients, p99, lost } = await measure({
      name: `${nodes.toLocaleString("en-US")} × 2 × 8, 100 clients, page`,
      workload,
      clients: 100,
      ...page,
      gzip: true,
    });
    if (agents.late > agents.sent / 100 || p99 > 1_000 || lost + clients.cut > 0) return;
  }
}

/** The machine's own limit for 200 readers: what no server of ours can pass. */
async function measureBare(): Promise<void> {
  const { megabytesPerSecond, cores, readerCores } = await playBare(200, seconds);
  const perSecondOfCpu = megabytesPerSecond / (cores + readerCores);
  console.log(
    `a bare net server, 200 readers: ${megabytesPerSecond.toFixed(0)} MB/s to all, ${cores.toFixed(2)} + ${readerCores.toFixed(2)} cores, ${perSecondOfCpu.toFixed(0)} MB per second of CPU`,
  );
}

const asked = process.argv.slice(2);
for (const key of asked.length === 0 ? [...Object.keys(scenarios), "bare200", "knee"] : asked) {
  const scenario = scenarios[key];
  if (key === "knee") await findKnee();
  else if (key === "bare200") await measureBare();
  else if (scenario === undefined)
    throw new Error(`there is no ${key}; there are ${Object.keys(scenarios).join(", ")}, bare200 and knee`);
  else await measure(scenario);
}
