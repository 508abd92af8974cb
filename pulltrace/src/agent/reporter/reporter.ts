import { Agent as HttpAgent, type IncomingMessage, request as httpRequest, type RequestOptions } from "node:http";
import { gzipSync } from "node:zlib";
import type { Logger } from "@waybill/foundation/telemetry";
import type { AgentReport } from "../../contract/index.ts";
import { backOffMs } from "./back-off.ts";

export interface ReporterOptions {
  /** `http://host:port[/prefix]` or https. */
  readonly serverUrl: string;
  /** Sent as Bearer token; asked for anew with each report when it is a function. */
  readonly agentToken?: string | (() => Promise<string>);
  readonly log: Logger;
  readonly random?: () => number;
}

/**
 * Sends reports one at a time. A report is a full snapshot, so only the newest one waits: through an outage of the
 * server nothing piles up, and what is sent first afterwards is what is true then.
 */
export interface Reporter {
  /** Takes the newest report; returns at once. */
  send(report: AgentReport): void;
  readonly sent: number;
  readonly failed: number;
  /** Milliseconds since the server last took a report, or since this began. */
  readonly unheardMs: number;
  /** Undefined while reports arrive; else what went wrong last. */
  readonly trouble: string | undefined;
  /** Sends what waits, if the server takes it within `graceMs`, and closes the connection. */
  close(graceMs: number): Promise<void>;
}

const timeoutMs = 10_000;
/** Smaller bodies fit in one or two packets as they are. */
const compressFromBytes = 2_048;
/** The server takes 1 MiB as sent and 4 MiB inflated. */
const bodyLimitBytes = 4 * 1024 * 1024;
const answerLimitBytes = 4_096;

export function createReporter(options: ReporterOptions): Reporter {
  return new QueueOfOne(options);
}

class QueueOfOne implements Reporter {
  sent = 0;
  failed = 0;
  trouble: string | undefined;
  private readonly url: URL;
  private readonly token: string | (() => Promise<string>) | undefined;
  private readonly log: Logger;
  private readonly random: () => number;
  private readonly stop = new AbortController();
  private connection: HttpAgent | undefined;
  private waiting: AgentReport | undefined;
  private failures = 0;
  private heardAt = performance.now();
  private running: Promise<void> | undefined;
  private wake: (() => void) | undefined;

  constructor(options: ReporterOptions) {
    this.url = new URL("api/v1/report", options.serverUrl.endsWith("/") ? options.serverUrl : `${options.serverUrl}/`);
    this.token = options.agentToken;
    this.log = options.log;
    this.random = options.random ?? Math.random;
  }

  get unheardMs(): number {
    return performance.now() - this.heardAt;
  }

  send(report: AgentReport): void {
    if (this.stop.signal.aborted) return;
    this.waiting = report;
    this.running ??= this.drain().finally(() => {
      this.running = undefined;
    });
  }

  async close(graceMs: number): Promise<void> {
    const end = setTimeout(() => this.end(), graceMs);
    // A pause after failures is cut short: one last attempt.
    this.wake?.();
    if (this.failures > 0) this.end();
    await this.running;
    clearTimeout(end);
    this.end();
    this.connection?.destroy();
  }

  private end(): void {
    this.stop.abort();
    this.wake?.();
  }

  private async drain(): Promise<void> {
    while (this.waiting !== undefined && !this.stop.signal.aborted) {
      const report = this.waiting;
      this.waiting = undefined;
      try {
        await this.post(report);
        if (this.trouble !== undefined) this.log.info({ server: this.url.origin }, "reports arrive again");
        this.sent += 1;
        this.heardAt = performance.now();
        this.failures = 0;
        this.trouble = undefined;
      } catch (error) {
        this.failed += 1;
        this.failures += 1;
        this.tell(error instanceof Error ? error.message : String(error));
        // Unless a newer one came meanwhile, this one is still the newest; one that was refused is not sent twice.
        if (!(error instanceof Refused)) this.waiting ??= report;
        await this.pause(backOffMs(this.failures, this.random()));
      }
    }
  }

  private tell(reason: string): void {
    if (this.trouble !== reason && !this.stop.signal.aborted) {
      this.log.warn({ server: this.url.origin, reason }, "a report did not arrive");
    }
    this.trouble = reason;
  }

  private pause(milliseconds: number): Promise<void> {
    if (this.stop.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake?.(), milliseconds);
      this.wake = () => {
        clearTimeout(timer);
        this.wake = undefined;
        resolve();
      };
    });
  }

  private async post(report: AgentReport): Promise<void> {
    const plain = Buffer.from(JSON.stringify(report));
    if (plain.byteLength > bodyLimitBytes)
      throw new Refused(`a report of ${plain.byteLength} bytes is too large to send`);
    const token = typeof this.token === "function" ? await this.token() : this.token;
    const small = plain.byteLength < compressFromBytes;
    // Half a millisecond for 100 layers; a stream on another thread, made anew each time, takes more than that to begin.
    const body = small ? plain : gzipSync(plain, { level: 1 });
    const secure = this.url.protocol === "https:";
    // Loaded only when needed: TLS costs several MiB of resident memory.
    const https = secure ? await import("node:https") : undefined;
    this.connection ??= new (https?.Agent ?? HttpAgent)({ keepAlive: true, maxSockets: 1, timeout: timeoutMs });
    const status = await exchange(https?.request ?? httpRequest, this.url, body, {
      method: "POST",
      agent: this.connection,
      signal: AbortSignal.any([this.stop.signal, AbortSignal.timeout(timeoutMs)]),
      headers: {
        "content-type": "application/json",
        "content-length": body.byteLength,
        ...(small ? {} : { "content-encoding": "gzip" }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
    });
    if (status.code >= 200 && status.code < 300) return;
    if (status.code === 401 || status.code === 403) {
      const why = status.code === 403 && status.text !== "" ? status.text : "set PULLTRACE_AGENT_TOKEN to the server's";
      throw new Refused(`the server refuses the token: ${why}`);
    }
    const reason = `the server answered ${status.code}${status.text === "" ? "" : `: ${status.text}`}`;
    throw status.code >= 400 && status.code < 500 && status.code !== 429 ? new Refused(reason) : new Error(reason);
  }
}

/** The server understood and said no: the same bytes again would get the same answer. */
class Refused extends Error {}

function exchange(
  request: typeof httpRequest,
  url: URL,
  body: Uint8Array,
  options: RequestOptions,
): Promise<{ code: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sending = request(url, options, (answer: IncomingMessage) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      answer.on("data", (part: Buffer) => {
        bytes += part.byteLength;
        if (bytes <= answerLimitBytes) parts.push(part);
      });
      answer.once("error", reject);
      answer.once("end", () => resolve({ code: answer.statusCode ?? 0, text: detailOf(Buffer.concat(parts)) }));
    });
    sending.once("error", (error) =>
      reject(new Error(`no answer from ${url.origin}: ${error.message}`, { cause: error })),
    );
    sending.end(body);
  });
}

/** The `detail` of a problem document, or nothing: whatever stands at that address may answer anything. */
function detailOf(body: Buffer): string {
  try {
    const value: unknown = JSON.parse(body.toString());
    if (typeof value === "object" && value !== null && "detail" in value && typeof value.detail === "string") {
      return value.detail.slice(0, 300);
    }
  } catch {
    // Not JSON.
  }
  return "";
}
