import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "@waybill/foundation/telemetry";
import type { AgentReport } from "../contract/index.ts";
import {
  attribute,
  type AttributionState,
  emptyState,
  fitted,
  glance,
  questionsOf,
  reportedPulls,
} from "./attribution/index.ts";
import type { Observer } from "./observation/index.ts";

/** Finished pulls stay in the reports so long that a server which was just started hears of their end. */
const keepFinishedMs = 60_000;
/** … and for as long again as no report has arrived, up to what a server remembers by default. */
const longestOutageMs = 30 * 60_000;
/** How often downloads are looked at between two reports, while there are any: see attribution/writers.ts. */
const glanceEveryMs = 250;

/** containerd speaks of Go's names. */
const platform = `linux/${({ x64: "amd64", ia32: "386", mipsel: "mipsle", ppc64: "ppc64le" } as Record<string, string>)[process.arch] ?? process.arch}`;

export interface MonitorOptions {
  readonly nodeName: string;
  readonly reportIntervalMs: number;
  readonly observer: Observer;
  readonly report: (report: AgentReport) => void;
  /** Milliseconds since a report last arrived where it should: pulls that ended since then are told until one does. */
  readonly unheardMs?: () => number;
  /** Milliseconds that the end of a pull is told for; a minute when left out. */
  readonly keepFinishedMs?: number;
  /** Called once it is closed and looks no more. */
  readonly ended?: () => void;
  readonly log: Logger;
  readonly agentVersion?: string;
}

/** Looks, attributes, reports, until it is closed. */
export interface Monitor {
  readonly looks: number;
  readonly failedLooks: number;
  /** Milliseconds that looking took, all together. */
  readonly busyMs: number;
  readonly activePulls: number;
  /** Undefined while containerd answers; else what it said last. */
  readonly trouble: string | undefined;
  close(): Promise<void>;
}

export function startMonitor(options: MonitorOptions): Monitor {
  return new Rounds(options);
}

class Rounds implements Monitor {
  looks = 0;
  failedLooks = 0;
  busyMs = 0;
  trouble: string | undefined;
  private readonly options: MonitorOptions;
  private readonly stop = new AbortController();
  private readonly running: Promise<void>;
  private state: AttributionState = emptyState;
  private seen = false;
  private cut = false;

  constructor(options: MonitorOptions) {
    this.options = options;
    this.running = this.run();
  }

  get activePulls(): number {
    return [...this.state.pulls.values()].filter((pull) => pull.shown && pull.completedAt === undefined).length;
  }

  async close(): Promise<void> {
    if (this.stop.signal.aborted) return;
    this.stop.abort();
    await this.running;
    this.options.ended?.();
  }

  private async run(): Promise<void> {
    const { reportIntervalMs } = this.options;
    let next = performance.now();
    while (!this.stop.signal.aborted) {
      await this.look();
      // Rounds keep their beat; one that took longer than its period is followed by a short breath, not by a burst.
      next = Math.max(next + reportIntervalMs, performance.now() + Math.min(100, reportIntervalMs / 2));
      while (!this.stop.signal.aborted && performance.now() < next) {
        const left = next - performance.now();
        const glances = this.options.observer.downloading && left > glanceEveryMs * 1.5;
        await this.sleep(glances ? glanceEveryMs : left);
        if (glances) await this.glance();
      }
    }
  }

  private async look(): Promise<void> {
    const { nodeName, observer, reportIntervalMs, agentVersion } = this.options;
    const begun = performance.now();
    const keep = this.keepFinishedMs();
    try {
      const observation = await observer.observe(questionsOf(this.state, Date.now()));
      if (this.stop.signal.aborted) return;
      this.state = attribute(this.state, observation, { nodeName, platform, keepFinishedMs: keep });
      this.seen = true;
      this.tell(undefined);
    } catch (error) {
      this.failedLooks += 1;
      this.tell(error instanceof Error ? error.message : String(error));
    }
    this.looks += 1;
    this.busyMs += performance.now() - begun;
    // An agent that was just started knows of no pull: an empty report would say that there is none.
    if (!this.seen) return;
    const at = Date.now();
    const { pulls, cut } = fitted(reportedPulls(this.state, at, keep));
    if (cut && !this.cut)
      this.options.log.warn("more is pulled than fits into a report: some of it is told without layers");
    this.cut = cut;
    this.options.report({
      nodeName,
      timestamp: new Date(at).toISOString(),
      pulls,
      reportIntervalMs,
      ...(agentVersion === undefined ? {} : { agentVersion }),
    });
  }

  private keepFinishedMs(): number {
    return (this.options.keepFinishedMs ?? keepFinishedMs) + Math.min(longestOutageMs, this.options.unheardMs?.() ?? 0);
  }

  private async glance(): Promise<void> {
    try {
      const seen = await this.options.observer.glance();
      if (seen.downloads.length > 0) this.state = glance(this.state, seen);
    } catch {
      // The next whole look tells.
    }
  }

  private tell(trouble: string | undefined): void {
    if (trouble === undefined && this.trouble !== undefined) this.options.log.info("containerd answers again");
    if (trouble !== undefined && this.trouble === undefined && !this.stop.signal.aborted) {
      this.options.log.warn({ reason: trouble }, "containerd does not answer; it is asked again and again");
    }
    this.trouble = trouble;
  }

  private async sleep(milliseconds: number): Promise<void> {
    try {
      await delay(Math.max(1, milliseconds), undefined, { signal: this.stop.signal });
    } catch {
      // Closed.
    }
  }
}
