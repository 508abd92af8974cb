import { createHash, randomUUID } from "node:crypto";
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
  type WebhookRow,
} from "../catalog/index.ts";
import { StoreError } from "../errors/index.ts";
import { isUuid, stableId } from "../names/index.ts";
import { cloudEventOf, deliveryId } from "./cloud-event.ts";
import { Courier } from "./courier.ts";
import { defaultDeliveryLimits, deliver, type DeliveryLimits } from "./delivery.ts";
import type { WebhookSecrets } from "./secrets.ts";
import { newSecret } from "./signature.ts";
import {
  checkSubscription,
  deadLetterOf,
  invalid,
  webhookOf,
  type DeadLetter,
  type NewWebhook,
  type Webhook,
} from "./subscription.ts";

const mostWebhooks = 50;

interface Parts {
  readonly catalog: Catalog;
  readonly commits: Commits;
  readonly events: EventLog;
  readonly secrets: WebhookSecrets;
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
   * Begins a subscription. The secret is told this once, and once more to whoever asks with the same key.
   * @throws StoreError WEBHOOK_INVALID; KEY_REUSED when the key began another one
   */
  async subscribe(asked: NewWebhook): Promise<Webhook & { readonly secret: string; readonly isNew: boolean }> {
    const { url, types } = checkSubscription(asked);
    const { catalog, commits, events, secrets, now } = this.#parts;
    const id = asked.key === undefined ? randomUUID() : stableId("subscribed", asked.key);
    const fingerprint = createHash("sha256")
      .update(JSON.stringify([asked.tenant, url, types, asked.after, asked.secret !== undefined]))
      .digest("base64url");
    const known = await findWebhook(catalog, id);
    if (known !== undefined) return await this.#again(known, fingerprint, asked.secret);
    if ((await listWebhooks(catalog, asked.tenant)).length >= mostWebhooks) {
      throw invalid(`there are ${mostWebhooks} subscriptions already: remove one first`);
    }
    const newest = await events.newest();
    const secret = asked.secret ?? newSecret();
    const row: WebhookRow = {
      id,
      tenant: asked.tenant ?? null,
      url,
      secret: await secrets.seal(id, secret),
      types: JSON.stringify(types),
      cursor: Math.min(asked.after ?? newest, newest),
      failures: 0,
      next_at: 0,
      last_error: null,
      last_delivered_at: null,
      created_at: now(),
      created_by: asked.createdBy,
      fingerprint,
    };
    const made = await commits.commit((tx) => insertWebhook(tx, row));
    // Two that were sent with one key at the same time.
    if (!made) return await this.#again(await this.#found(id), fingerprint, asked.secret);
    this.#dispatch(row.id);
    return { ...webhookOf(row), secret, isNew: true };
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
      const { url } = row;
      const secret = await this.#parts.secrets.open(row);
      await deliver({ url, secret, id: deliveryId(row, number), body }, limits, events.closed, now);
    } catch (error) {
      throw invalid(`it could not be delivered: ${error instanceof Error ? error.message : String(error)}`);
    }
    await commits.commit((tx) => deleteDeadLetter(tx, id, number));
  }

  /**
   * Delivers from now on, until the store closes. Secrets that lie in plain, or under an older key, are sealed anew first.
   * @throws UserError when the file of keys is none, or none can be made
   */
  async start(limits: Partial<DeliveryLimits> = {}): Promise<void> {
    const { catalog, commits, secrets } = this.#parts;
    await secrets.sealAgain(catalog, commits);
    this.#limits = { ...defaultDeliveryLimits, ...limits };
    for (const { id } of await listWebhooks(catalog)) this.#dispatch(id);
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

  async #again(row: WebhookRow, fingerprint: string, asked: string | undefined): ReturnType<Webhooks["subscribe"]> {
    const secret = await this.#parts.secrets.open(row);
    if (row.fingerprint !== fingerprint || (asked !== undefined && asked !== secret)) {
      throw new StoreError("KEY_REUSED", "this key began another subscription: take a new key for a new one");
    }
    return { ...webhookOf(row), secret, isNew: false };
  }

  async #found(id: string): Promise<WebhookRow> {
    const row = isUuid(id) ? await findWebhook(this.#parts.catalog, id) : undefined;
    if (row === undefined) throw new StoreError("WEBHOOK_UNKNOWN", "there is no such subscription");
    return row;
  }
}
