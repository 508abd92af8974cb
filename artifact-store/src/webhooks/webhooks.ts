import { randomUUID } from "node:crypto";
import type { EventLog } from "@waybill/foundation/eventlog";
import {
  deleteDeadLetter,
  deleteWebhook,
  findWebhook,
  insertWebhook,
  listDeadLetters,
  listWebhooks,
  type Catalog,
  type Commits,
  type DeadLetterRow,
  type WebhookRow,
} from "../catalog/index.ts";
import { StoreError } from "../errors/index.ts";
import { cloudEventOf, deliveryId } from "./cloud-event.ts";
import { Courier } from "./courier.ts";
import { defaultDeliveryLimits, deliver, type DeliveryLimits } from "./delivery.ts";
import { isSecret, newSecret } from "./signature.ts";

export interface NewWebhook {
  /** Whose events; absent: everybody's. */
  readonly tenant?: string;
  readonly url: string;
  /** `whsec_` and base64 of 24 to 64 bytes; made when absent. */
  readonly secret?: string;
  /** Types of events; `*` at the end stands for any: `package.*`. All when absent. */
  readonly types?: readonly string[];
  /** The event after which it begins; absent: from now on. */
  readonly after?: number;
  readonly createdBy: string;
}

/** Times are milliseconds since 1970. */
export interface Webhook {
  readonly id: string;
  readonly tenant?: string;
  readonly url: string;
  readonly types: readonly string[];
  /** Number of the last event that is settled. */
  readonly cursor: number;
  /** Attempts at the next event that failed. */
  readonly failures: number;
  readonly nextAttemptAt?: number;
  readonly lastError?: string;
  readonly lastDeliveredAt?: number;
  readonly createdAt: number;
  readonly createdBy: string;
}

/** An event that was given up. */
export interface DeadLetter {
  readonly number: number;
  readonly type: string;
  readonly subject: string;
  readonly attempts: number;
  readonly error: string;
  readonly at: number;
}

const typePattern = /^[a-z][a-z0-9.-]{0,63}\*?$|^\*$/;
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const mostWebhooks = 50;

interface Parts {
  readonly catalog: Catalog;
  readonly commits: Commits;
  readonly events: EventLog;
  readonly now: () => number;
}

/** Subscriptions, and, once started, their deliveries. */
export class Webhooks {
  readonly #parts: Parts;
  readonly #couriers = new Map<string, Courier>();
  #limits: DeliveryLimits | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Begins a subscription. The secret is told this once.
   * @throws StoreError WEBHOOK_INVALID
   */
  async subscribe(asked: NewWebhook): Promise<Webhook & { readonly secret: string }> {
    const url = checkUrl(asked.url);
    const types = asked.types ?? ["*"];
    if (types.length === 0 || types.length > 32 || !types.every((type) => typePattern.test(type))) {
      throw invalid("types are 1 to 32 names of events, with * at the end for any: package.*");
    }
    const secret = asked.secret ?? newSecret();
    if (!isSecret(secret)) throw invalid("a secret is whsec_ and base64 of 24 to 64 bytes");
    const { catalog, commits, events, now } = this.#parts;
    if ((await listWebhooks(catalog, asked.tenant)).length >= mostWebhooks) {
      throw invalid(`there are ${mostWebhooks} subscriptions already: remove one first`);
    }
    const newest = await events.newest();
    const row: WebhookRow = {
      id: randomUUID(),
      tenant: asked.tenant ?? null,
      url,
      secret,
      types: JSON.stringify(types),
      cursor: Math.min(asked.after ?? newest, newest),
      failures: 0,
      next_at: 0,
      last_error: null,
      last_delivered_at: null,
      created_at: now(),
      created_by: asked.createdBy,
    };
    await commits.commit((tx) => insertWebhook(tx, row));
    this.#dispatch(row.id);
    return { ...webhookOf(row), secret };
  }

  /** @param tenant only those of this one */
  async list(tenant?: string): Promise<readonly Webhook[]> {
    return (await listWebhooks(this.#parts.catalog, tenant)).map(webhookOf);
  }

  /** @throws StoreError WEBHOOK_UNKNOWN */
  async get(id: string): Promise<Webhook> {
    return webhookOf(await this.#found(id));
  }

  /** Ends a subscription, and a delivery that is under way. @throws StoreError WEBHOOK_UNKNOWN */
  async remove(id: string): Promise<void> {
    await this.#found(id);
    await this.#parts.commits.commit((tx) => deleteWebhook(tx, id));
    const courier = this.#couriers.get(id);
    this.#couriers.delete(id);
    await courier?.close();
  }

  /** What was given up, the newest first. @throws StoreError WEBHOOK_UNKNOWN */
  async deadLetters(
    id: string,
    page: { readonly before?: number; readonly limit?: number } = {},
  ): Promise<readonly DeadLetter[]> {
    await this.#found(id);
    const rows = await listDeadLetters(this.#parts.catalog, id, {
      before: page.before ?? Number.MAX_SAFE_INTEGER,
      limit: page.limit ?? 100,
    });
    return rows.map(deadLetterOf);
  }

  /**
   * Sends an event that was given up once more, now, out of its order; it is a dead letter no longer when that succeeds.
   * @throws StoreError WEBHOOK_UNKNOWN, WEBHOOK_INVALID with what went wrong
   */
  async redeliver(id: string, number: number): Promise<void> {
    const { events, commits, now } = this.#parts;
    const row = await this.#found(id);
    const [letter] = await this.deadLetters(id, { before: number + 1, limit: 1 });
    if (letter?.number !== number) throw new StoreError("WEBHOOK_UNKNOWN", `event ${number} is no dead letter`);
    const [event] = await events.read({ after: number - 1, limit: 1 });
    if (event === undefined) throw new StoreError("WEBHOOK_UNKNOWN", `event ${number} is no longer kept`);
    const limits = this.#limits ?? defaultDeliveryLimits;
    const body = JSON.stringify(cloudEventOf(event));
    try {
      const { url, secret } = row;
      await deliver({ url, secret, id: deliveryId(row, number), body }, limits, events.closed, now);
    } catch (error) {
      throw invalid(`it could not be delivered: ${error instanceof Error ? error.message : String(error)}`);
    }
    await commits.commit((tx) => deleteDeadLetter(tx, id, number));
  }

  /** Delivers from now on, until the store closes. */
  async start(limits: Partial<DeliveryLimits> = {}): Promise<void> {
    this.#limits = { ...defaultDeliveryLimits, ...limits };
    for (const { id } of await listWebhooks(this.#parts.catalog)) this.#dispatch(id);
  }

  /** Ends deliveries that are under way; they begin anew at the next start. */
  async close(): Promise<void> {
    this.#limits = undefined;
    await Promise.all([...this.#couriers.values()].map((courier) => courier.close()));
    this.#couriers.clear();
  }

  #dispatch(id: string): void {
    if (this.#limits === undefined || this.#couriers.has(id)) return;
    this.#couriers.set(id, new Courier({ ...this.#parts, id, limits: this.#limits }));
  }

  async #found(id: string): Promise<WebhookRow> {
    const row = uuid.test(id) ? await findWebhook(this.#parts.catalog, id) : undefined;
    if (row === undefined) throw new StoreError("WEBHOOK_UNKNOWN", "there is no such subscription");
    return row;
  }
}

function invalid(detail: string): StoreError {
  return new StoreError("WEBHOOK_INVALID", detail);
}

function checkUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || text.length > 2000 || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw invalid("url is an http or https address of at most 2000 characters");
  }
  if (url.username !== "" || url.password !== "")
    throw invalid("url has no user and no password: deliveries are signed");
  return url.href;
}

function webhookOf(row: WebhookRow): Webhook {
  return {
    id: row.id,
    ...(row.tenant === null ? {} : { tenant: row.tenant }),
    url: row.url,
    types: JSON.parse(row.types) as string[],
    cursor: row.cursor,
    failures: row.failures,
    ...(row.failures === 0 ? {} : { nextAttemptAt: row.next_at }),
    ...(row.last_error === null ? {} : { lastError: row.last_error }),
    ...(row.last_delivered_at === null ? {} : { lastDeliveredAt: row.last_delivered_at }),
    createdAt: row.created_at,
    createdBy: row.created_by,
  };
}

function deadLetterOf({ number, type, subject, attempts, error, at }: DeadLetterRow): DeadLetter {
  return { number, type, subject, attempts, error, at };
}
