import { processFigures } from "../process-figures.ts";
import type { RegistryClient } from "./client.ts";
import { registryClient } from "./client.ts";
import type { Peer } from "./peers.ts";
import { readyPages } from "./ready-pages.ts";

/** Something that is done to each program in turn. */
export interface Work {
  readonly name: string;
  readonly unit: string;
  /** Milliseconds are better when fewer; everything else when more. */
  readonly fewerIsBetter?: boolean;
  /**
   * Done once to each before the clock runs, with the round after the last: a program that was just started still compiles
   * what it runs, and nobody serves with one for long. For what is over in less than a second.
   */
  readonly warmUp?: boolean;
  /** How much new memory a run needs for what it leaves in the page cache: the machine has it ready, each time. */
  readonly freshMiB?: number;
  /** Runs once against a peer and answers how much of `unit` it did, or with `fewerIsBetter` the figure itself. */
  run(client: RegistryClient, round: number): Promise<number>;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** @param fraction 0.99 for the 99th percentile */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN;
}

export function printRow(cells: readonly string[]): void {
  console.log(`| ${cells.join(" | ")} |`);
}

export async function eachOf<T>(items: Iterable<T>, atOnce: number, act: (item: T) => Promise<void>): Promise<void> {
  const queue = items[Symbol.iterator]();
  const take = { [Symbol.iterator]: () => ({ next: () => queue.next() }) };
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const item of take) await act(item);
    }),
  );
}

/**
 * Runs each work against all peers in turns (A B C, C B A, …), so that a machine whose speed drifts drifts for all, and
 * prints medians, the CPU time of each for one unit of the work, and ours against the best of the others, round by round. The first is ours.
 */
export async function compare(peers: readonly Peer[], works: readonly Work[], rounds: number): Promise<void> {
  const clients = new Map(peers.map((peer) => [peer, registryClient(peer.url)]));
  printRow(["work", ...peers.flatMap((peer) => [peer.name, "CPU"]), "ours / best other (min–max)"]);
  printRow(["---", ...peers.flatMap(() => ["---:", "---:"]), "---:"]);
  for (const work of works) {
    const figures = new Map<Peer, number[]>(peers.map((peer) => [peer, []]));
    const cpu = new Map<Peer, number[]>(peers.map((peer) => [peer, []]));
    for (const client of work.warmUp === true ? clients.values() : []) await work.run(client, rounds);
    for (let round = 0; round < rounds; round++) {
      for (const peer of round % 2 === 0 ? peers : [...peers].reverse()) {
        const client = clients.get(peer);
        if (client === undefined) continue;
        if (work.freshMiB !== undefined) await readyPages(work.freshMiB * 1.25);
        const before = await processFigures(peer.pid);
        const startedAt = performance.now();
        const done = await work.run(client, round);
        const seconds = (performance.now() - startedAt) / 1000;
        figures.get(peer)?.push(work.fewerIsBetter === true ? done : done / seconds);
        const cpuSeconds = (await processFigures(peer.pid)).cpuSeconds - before.cpuSeconds;
        cpu.get(peer)?.push(work.fewerIsBetter === true ? cpuSeconds : cpuSeconds / done);
      }
    }
    const ratios = Array.from({ length: rounds }, (_, round) => ratioTo(peers, figures, round, work));
    printRow([
      work.name,
      ...peers.flatMap((peer) => [
        figure(median(figures.get(peer) ?? []), work.unit),
        cpuFigure(median(cpu.get(peer) ?? []), work.unit),
      ]),
      `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)})`,
    ]);
  }
  const processes = await Promise.all(peers.map((peer) => processFigures(peer.pid)));
  printRow([
    "peak RSS over all of it",
    ...processes.flatMap(({ peakMiB, cpuSeconds }) => [`${peakMiB.toFixed(0)} MiB`, `${cpuSeconds.toFixed(1)} s`]),
    ((processes[0]?.peakMiB ?? 0) / Math.min(...processes.slice(1).map(({ peakMiB }) => peakMiB))).toFixed(2),
  ]);
  for (const client of clients.values()) client.close();
}

/** Above 1 we are better, whatever the unit. */
function ratioTo(
  peers: readonly Peer[],
  figures: ReadonlyMap<Peer, readonly number[]>,
  round: number,
  work: Work,
): number {
  const [ours = Number.NaN, ...others] = peers.map((peer) => figures.get(peer)?.[round] ?? Number.NaN);
  return work.fewerIsBetter === true ? Math.min(...others) / ours : ours / Math.max(...others);
}

function figure(value: number, unit: string): string {
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${unit}`;
}

const megabytesInGibibyte = 2 ** 30 / 1e6;

/** @param seconds for one of the unit (one MB, one image, one request); for milliseconds: in all */
function cpuFigure(seconds: number, unit: string): string {
  switch (unit) {
    case "MB/s":
      return `${(seconds * megabytesInGibibyte).toFixed(2)} s/GiB`;
    case "ms":
      return `${seconds.toFixed(2)} s`;
    default:
      return seconds < 0.001 ? `${(seconds * 1e6).toFixed(0)} µs each` : `${(seconds * 1e3).toFixed(1)} ms each`;
  }
}
