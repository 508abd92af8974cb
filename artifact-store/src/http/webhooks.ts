import { seesAllTenants, type Principal } from "@waybill/foundation/auth";
import type { HttpContext, HttpRoute } from "@waybill/foundation/http";
import { StoreError } from "../errors/index.ts";
import type { Store } from "../store/index.ts";
import type { DeadLetter, Webhook } from "../webhooks/index.ts";
import { timeText } from "./api-schemas.ts";
import { idempotencyKey, replayed } from "./idempotency-key.ts";
import { routeOf } from "./operation.ts";
import { webhookOperations as operations } from "./webhook-operations.ts";

/** The tenant that a caller is bound to; undefined above tenants. Nobody's tenant has an empty name. */
function boundTo(principal: Principal): string | undefined {
  return seesAllTenants(principal) ? undefined : (principal.tenant ?? "");
}

export function webhookRoutes(store: Store): HttpRoute[] {
  const { webhooks } = store;

  /** Another tenant's subscription is like one that never was. */
  async function named(c: HttpContext): Promise<Webhook> {
    const tenant = boundTo(c.var.principal);
    const webhook = await webhooks.get(c.req.param("webhook") ?? "");
    if (tenant === undefined || webhook.tenant === tenant) return webhook;
    throw new StoreError("WEBHOOK_UNKNOWN", "there is no such subscription");
  }

  return [
    routeOf(operations.createWebhook, async (c, { body }) => {
      const tenant = boundTo(c.var.principal);
      const { secret, after, types, url } = body;
      const key = idempotencyKey(c);
      const made = await webhooks.subscribe({
        url,
        ...(key === undefined ? {} : { key }),
        ...(tenant === undefined ? {} : { tenant }),
        ...(secret === undefined ? {} : { secret }),
        ...(after === undefined ? {} : { after }),
        ...(types === undefined ? {} : { types }),
        createdBy: c.var.principal.subject,
      });
      return Response.json(
        { ...webhookOf(made), secret: made.secret },
        {
          status: 201,
          headers: {
            "cache-control": "no-store",
            location: `/api/v1/webhooks/${made.id}`,
            ...(made.isNew ? {} : replayed),
          },
        },
      );
    }),
    routeOf(operations.listWebhooks, async (c) => ({
      items: (await webhooks.list(boundTo(c.var.principal))).map(webhookOf),
    })),
    routeOf(operations.getWebhook, async (c) => webhookOf(await named(c))),
    routeOf(operations.deleteWebhook, async (c) => {
      await webhooks.remove((await named(c)).id);
      return undefined;
    }),
    routeOf(operations.listDeadLetters, async (c, { query }) => {
      const { id } = await named(c);
      const letters = await webhooks.deadLetters(
        id,
        query.before === undefined ? {} : { before: Number(query.before) },
      );
      return { items: letters.map(deadLetterOf) };
    }),
    routeOf(operations.redeliver, async (c) => {
      const { id } = await named(c);
      const number = c.req.param("number") ?? "";
      if (!/^[0-9]{1,15}$/.test(number)) throw new StoreError("WEBHOOK_UNKNOWN", "there is no such dead letter");
      await webhooks.redeliver(id, Number(number));
      return undefined;
    }),
  ];
}

export function deadLetterOf(letter: DeadLetter) {
  return { ...letter, at: timeText(letter.at) };
}

export function webhookOf(webhook: Webhook) {
  const { nextAttemptAt, lastDeliveredAt, createdAt, types, ...same } = webhook;
  const { id, tenant, url, cursor, failures, lastError, createdBy } = same;
  return {
    id,
    ...(tenant === undefined ? {} : { tenant }),
    url,
    types: [...types],
    cursor,
    failures,
    ...(nextAttemptAt === undefined ? {} : { nextAttemptAt: timeText(nextAttemptAt) }),
    ...(lastError === undefined ? {} : { lastError }),
    ...(lastDeliveredAt === undefined ? {} : { lastDeliveredAt: timeText(lastDeliveredAt) }),
    createdAt: timeText(createdAt),
    createdBy,
  };
}
