import { Problem } from "@waybill/foundation/errors";

/** What one client may do: an account where callers prove who they are, else an address. */
export interface ClientLimits {
  /** A request that looks at the whole board. @throws Problem 429 */
  request(client: string): void;
  /** A stream. Returns how to leave. @throws Problem 429 */
  enter(client: string): () => void;
  /** A report of a node. @throws Problem 429 */
  report(nodeName: string): void;
  /** Before a report is read: who sent many bad ones has to wait. @throws Problem 429 */
  mayReport(client: string): void;
  /** A report was refused. */
  badReport(client: string): void;
}

export interface ClientRates {
  readonly streamsPerClient: number;
  /** Lists and answers per second, and four times as many at once. */
  readonly requestsPerClient: number;
  /** Reports of a node per second, and ten times as many at once: a replayed recording may hurry. */
  readonly reportsPerNode: number;
  /** Refused reports per second of one client, and twenty times as many at once. */
  readonly badReportsPerClient: number;
}

export function createClientLimits(
  rates: ClientRates,
  options: { readonly now?: () => number; readonly random?: () => number } = {},
): ClientLimits {
  const now = options.now ?? (() => performance.now());
  const random = options.random ?? Math.random;
  const requests = createBuckets(rates.requestsPerClient, 4);
  const reports = createBuckets(rates.reportsPerNode, 10);
  const faults = createBuckets(rates.badReportsPerClient, 20);
  const streams = new Map<string, number>();

  /** Not all of them at the same moment again. */
  const later = (seconds: number): string => String(Math.ceil(seconds + random() * Math.max(2, seconds)));
  const tooMany = (detail: string, seconds: number): Problem =>
    new Problem({
      code: "PT-429",
      status: 429,
      title: "Too many",
      detail,
      headers: { "retry-after": later(seconds) },
    });
  const check = (waitSeconds: number, detail: string): void => {
    if (waitSeconds > 0) throw tooMany(detail, waitSeconds);
  };

  return {
    request: (client) =>
      check(
        requests.take(client, now()),
        `A client may ask ${rates.requestsPerClient} times a second; follow /api/v1/events instead of asking again.`,
      ),
    enter(client) {
      const open = streams.get(client) ?? 0;
      if (open >= rates.streamsPerClient)
        throw tooMany(
          `A client may follow ${rates.streamsPerClient} streams at a time: close those that nobody reads.`,
          5,
        );
      streams.set(client, open + 1);
      let left = false;
      return () => {
        if (left) return;
        left = true;
        const others = (streams.get(client) ?? 1) - 1;
        if (others === 0) streams.delete(client);
        else streams.set(client, others);
      };
    },
    report: (nodeName) =>
      check(
        reports.take(nodeName, now()),
        `A node may report ${rates.reportsPerNode} times a second: do two agents have the same name?`,
      ),
    mayReport: (client) =>
      check(
        faults.wait(client, now()),
        "Too many reports from this address were refused: see what was wrong with them.",
      ),
    badReport: (client) => void faults.take(client, now()),
  };
}

/** Whoever was not seen while so many others were is as good as new. */
const mostRecent = 25_000;

interface Bucket {
  tokens: number;
  at: number;
}

/**
 * Token buckets by name: so many a second, and `burst` seconds' worth at once. They are kept in two generations, the
 * older of which goes as a whole: to look for the oldest of a map costs time for each that was deleted from it.
 */
function createBuckets(perSecond: number, burst: number) {
  let recent = new Map<string, Bucket>();
  let older = new Map<string, Bucket>();
  const most = perSecond * burst;
  const filled = (name: string, at: number): Bucket => {
    const bucket = recent.get(name) ?? older.get(name);
    if (bucket === undefined) return { tokens: most, at };
    return { tokens: Math.min(most, bucket.tokens + (Math.max(0, at - bucket.at) / 1_000) * perSecond), at };
  };
  const waitFor = ({ tokens }: Bucket): number => (tokens >= 1 ? 0 : (1 - tokens) / perSecond);
  return {
    wait: (name: string, at: number): number => waitFor(filled(name, at)),
    /** Seconds to wait; 0 when one was taken. */
    take(name: string, at: number): number {
      const bucket = filled(name, at);
      const seconds = waitFor(bucket);
      if (seconds === 0) bucket.tokens -= 1;
      if (recent.size >= mostRecent && !recent.has(name)) {
        older = recent;
        recent = new Map();
      }
      recent.set(name, bucket);
      return seconds;
    },
  };
}
