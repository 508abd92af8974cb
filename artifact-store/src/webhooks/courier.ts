import { setTimeout as sleep } from "node:timers/promises";
import { EventsGone, type EventLog, type StoredEvent } from "@waybill/foundation/eventlog";
import {
  findWebhook,
  insertDeadLetter,
  updateWebhook,
  type Catalog,
  type Commits,
  type WebhookRow,
} from "../catalog/index.ts";
import { cloudEventOf, deliveryId } from "./cloud-event.ts";
import { delayAfter, deliver, type DeliveryLimits } from "./delivery.ts";
import type { WebhookSecrets } from "./secrets.ts";

interface CourierParts {
  readonly id: string;
  readonly catalog: Catalog;
  readonly commits: Commits;
  readonly events: EventLog;
  readonly secrets: WebhookSecrets;
  readonly limits: DeliveryLimits;
  readonly now: () => number;
}

const pageSize = 100;
const waitMs = 30_000;

/** Brings one subscription its events, one after the other. What it has done is in the catalog, nothing in memory. */
export class Courier {
  readonly #parts: CourierParts;
  readonly #closing = new AbortController();
  readonly #work: Promise<void>;

  constructor(parts: CourierParts) {
    this.#parts = parts;
    this.#work = this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#work;
  }

  /** Never rejects: what goes wrong with the catalog may be over the next time. */
  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted && !this.#parts.events.closed.aborted) {
      try {
        if (!(await this.#round(signal))) return;
      } catch {
        await sleep(this.#parts.limits.firstDelayMs, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
  }

  /** False when the subscription is gone. */
  async #round(signal: AbortSignal): Promise<boolean> {
    const { id, catalog, events } = this.#parts;
    const webhook = await findWebhook(catalog, id);
    if (webhook === undefined) return false;
    const page = await this.#page(webhook);
    if (page === undefined) return true;
    const types = JSON.parse(webhook.types) as string[];
    let settled = webhook.cursor;
    let { failures, next_at: nextAt } = webhook;
    for (const event of page.events) {
      if (!types.some((type) => fits(type, event.type))) continue;
      await this.#settle({ ...webhook, failures, next_at: nextAt }, event, signal);
      settled = event.number;
      failures = 0;
      nextAt = 0;
    }
    if (page.upTo > settled) await this.#save({ cursor: page.upTo });
    if (page.upTo >= page.newest) {
      await events.wait({ after: page.upTo, timeoutMs: waitMs, signal: AbortSignal.any([signal, events.closed]) });
    }
    return true;
  }

  async #page(webhook: WebhookRow) {
    const { events } = this.#parts;
    try {
      return await events.page({
        after: webhook.cursor,
        limit: pageSize,
        ...(webhook.tenant === null ? {} : { tenant: webhook.tenant }),
      });
    } catch (error) {
      if (!(error instanceof EventsGone)) throw error;
      const [oldest, newest] = [await events.oldest(), await events.newest()];
      // From before the log was cut, or started anew: what is left out is said, not hidden.
      const cursor = Math.min(oldest - 1, newest);
      await this.#giveUp(
        { number: Math.max(webhook.cursor + 1, 1), type: "events", subject: `up to ${cursor}` },
        0,
        error.message,
        cursor,
      );
      return undefined;
    }
  }

  /** Delivers an event, or gives it up: in both cases it is behind this subscription then. Rejects when it is closed. */
  async #settle(webhook: WebhookRow, event: StoredEvent, signal: AbortSignal): Promise<void> {
    const { limits, now, secrets } = this.#parts;
    const body = JSON.stringify(cloudEventOf(event));
    const { url } = webhook;
    let { failures } = webhook;
    await this.#until(webhook.next_at, signal);
    for (;;) {
      signal.throwIfAborted();
      try {
        const secret = await secrets.open(webhook);
        await deliver({ url, secret, id: deliveryId(webhook, event.number), body }, limits, signal, now);
        // Only now: after a crash in between it is delivered again, and never not at all.
        return await this.#save({
          cursor: event.number,
          failures: 0,
          next_at: 0,
          last_error: null,
          last_delivered_at: now(),
        });
      } catch (error) {
        signal.throwIfAborted();
        const said = (error instanceof Error ? error.message : String(error)).slice(0, 500);
        failures++;
        if (failures >= limits.attempts) return await this.#giveUp(event, failures, said, event.number);
        const nextAt = now() + delayAfter(failures, limits);
        await this.#save({ failures, next_at: nextAt, last_error: said });
        await this.#until(nextAt, signal);
      }
    }
  }

  /** Not longer than the longest pause, however the clock was set meanwhile. */
  async #until(at: number, signal: AbortSignal): Promise<void> {
    const wait = Math.min(at - this.#parts.now(), this.#parts.limits.longestDelayMs);
    if (wait > 0) await sleep(wait, undefined, { signal, ref: false });
  }

  async #giveUp(
    event: Pick<StoredEvent, "number" | "type" | "subject">,
    attempts: number,
    error: string,
    cursor: number,
  ): Promise<void> {
    const { id, commits, now } = this.#parts;
    const { number, type, subject } = event;
    await commits.commit(async (tx) => {
      if ((await findWebhook(tx, id)) === undefined) return;
      await insertDeadLetter(tx, { webhook_id: id, number, type, subject, attempts, error, at: now() });
      await updateWebhook(tx, id, { cursor, failures: 0, next_at: 0, last_error: error });
    });
  }

  async #save(change: Parameters<typeof updateWebhook>[2]): Promise<void> {
    await this.#parts.commits.commit((tx) => updateWebhook(tx, this.#parts.id, change));
  }
}

/** Whether a type is one that a subscription asked for. */
function fits(pattern: string, type: string): boolean {
  return pattern.endsWith("*") ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}
