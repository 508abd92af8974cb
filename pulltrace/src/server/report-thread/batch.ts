import type { AgentReport, ReportedPull } from "../../contract/index.ts";
import { isSameLayer, isSamePull } from "../report.ts";
import { createKeptReports, type KeptBounds } from "./kept-reports.ts";

/**
 * Reports on their way from one thread to the other. An agent tells each second what it told before with other bytes, and
 * to copy all of that would cost as much as reading it did; what has changed is a few numbers.
 */
export interface ReportBatch {
  /**
   * For each report in turn the number of its node. Negative (`-1 - number`): the next of `whole`. Else what the node
   * told last with other bytes: milliseconds since 1970, how many layers changed, and of each of them the place of its
   * pull, its own place there, and its bytes.
   */
  readonly numbers: Float64Array<ArrayBuffer>;
  readonly whole: readonly AgentReport[];
  /** Numbers of nodes that the receiver has to forget before it reads: their reports were not taken. */
  readonly forgotten: readonly number[];
}

/** The sending side: knows what the other side was told of each node. */
export function createBatchWriter(most: KeptBounds) {
  const told = createKeptReports<string>(most);
  let nextNumber = 0;
  let forgotten: number[] = [];
  return {
    /** The pulls of the node's last report, as long as they are known. */
    known: (nodeName: string): readonly ReportedPull[] | undefined => told.get(nodeName)?.report.pulls,
    write(reports: readonly AgentReport[]): ReportBatch {
      const numbers: number[] = [];
      const whole: AgentReport[] = [];
      for (const report of reports) {
        const known = told.get(report.nodeName);
        const number = known?.number ?? nextNumber++;
        if (known === undefined || !writeChanges(numbers, number, known.report, report)) {
          numbers.push(-1 - number);
          whole.push(report);
        }
        told.set(report.nodeName, { number, report });
      }
      const batch = { numbers: Float64Array.from(numbers), whole, forgotten };
      forgotten = [];
      return batch;
    },
    /**
     * These reports were not taken: their nodes begin anew. The receiver hears of it with the next batch, in the place that
     * it has here, since more may be on its way to it by now.
     */
    forget(reports: readonly AgentReport[]): void {
      for (const { nodeName } of reports) {
        const kept = told.get(nodeName);
        if (kept !== undefined) forgotten.push(kept.number);
        told.delete(nodeName);
      }
    },
  };
}

/** False, and nothing is written, when more than bytes has changed. */
function writeChanges(numbers: number[], number: number, known: AgentReport, next: AgentReport): boolean {
  const begin = numbers.length;
  const same =
    known.agentVersion === next.agentVersion &&
    known.reportIntervalMs === next.reportIntervalMs &&
    known.recording === next.recording &&
    known.pulls.length === next.pulls.length;
  if (!same) return false;
  numbers.push(number, Date.parse(next.timestamp), 0);
  let changes = 0;
  for (let place = 0; place < next.pulls.length; place += 1) {
    const [before, pull] = [known.pulls[place], next.pulls[place]];
    const count = before === undefined || pull === undefined ? undefined : writeLayers(numbers, place, before, pull);
    if (count === undefined) {
      numbers.length = begin;
      return false;
    }
    changes += count;
  }
  numbers[begin + 2] = changes;
  return true;
}

function writeLayers(numbers: number[], place: number, before: ReportedPull, pull: ReportedPull): number | undefined {
  if (!isSamePull(pull, before) || pull.layers.length !== before.layers.length) return undefined;
  let changes = 0;
  for (let at = 0; at < pull.layers.length; at += 1) {
    const [known, layer] = [before.layers[at], pull.layers[at]];
    if (known === layer) continue;
    if (known === undefined || layer === undefined || !isSameLayer(layer, known)) return undefined;
    if (known.downloadedBytes === layer.downloadedBytes) continue;
    numbers.push(place, at, layer.downloadedBytes);
    changes += 1;
  }
  return changes;
}

/** The receiving side, of one writer; what is the same as before are the same objects. */
export function createBatchReader(most: KeptBounds) {
  const told = createKeptReports<number>(most);
  const keep = (number: number, report: AgentReport): AgentReport => {
    told.set(number, { number, report });
    return report;
  };
  return {
    /** @throws Error when it does not go on from what was read before. */
    read({ numbers, whole, forgotten }: ReportBatch): readonly AgentReport[] {
      for (const number of forgotten) told.delete(number);
      const reports: AgentReport[] = [];
      let at = 0;
      let nextWhole = 0;
      const next = (): number => {
        const number = numbers[at];
        if (number === undefined) throw new Error("a batch of reports ends in the middle");
        at += 1;
        return number;
      };
      while (at < numbers.length) {
        const number = next();
        if (number < 0) {
          const report = whole[nextWhole];
          if (report === undefined) throw new Error("a batch has fewer reports than it says");
          nextWhole += 1;
          reports.push(keep(-1 - number, report));
          continue;
        }
        const known = told.get(number)?.report;
        if (known === undefined) throw new Error("a batch goes on from a report that was never told");
        const timestamp = new Date(next()).toISOString();
        reports.push(keep(number, { ...known, timestamp, pulls: readChanges(known.pulls, next) }));
      }
      return reports;
    },
  };
}

function readChanges(known: readonly ReportedPull[], next: () => number): readonly ReportedPull[] {
  const changes = next();
  if (changes === 0) return known;
  const pulls = [...known];
  let place = -1;
  let layers: ReportedPull["layers"][number][] = [];
  for (let change = 0; change < changes; change += 1) {
    const [of, at, downloadedBytes] = [next(), next(), next()];
    const pull = known[of];
    const layer = pull?.layers[at];
    if (pull === undefined || layer === undefined) throw new Error("a batch names a layer that was never told");
    // The changes of a pull stand together.
    if (of !== place) {
      place = of;
      layers = [...pull.layers];
      pulls[of] = { ...pull, layers };
    }
    layers[at] = { ...layer, downloadedBytes };
  }
  return pulls;
}
