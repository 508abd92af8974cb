import { access } from "@waybill/foundation/auth";
import { z } from "zod";
import { schemas, time } from "./api-schemas.ts";
import type { Operation } from "./operation.ts";

const webhook = z
  .object({
    id: z.uuid(),
    tenant: z.string().optional(),
    url: z.string(),
    types: z.array(z.string()),
    cursor: z.int(),
    failures: z.int(),
    nextAttemptAt: time.optional(),
    lastError: z.string().optional(),
    lastDeliveredAt: time.optional(),
    createdAt: time,
    createdBy: z.string(),
  })
  .register(schemas, {
    id: "Webhook",
    description:
      "`cursor`: number of the last event that is settled; `failures`: attempts at the next one. Without `tenant` it gets " +
      "everybody's events.",
  });
const newWebhook = z.strictObject({
  url: z.string().min(1).max(2000),
  secret: z.string().max(200).optional(),
  types: z.array(z.string().max(65)).min(1).max(32).optional(),
  after: z.int().nonnegative().optional(),
});
const deadLetter = z
  .object({
    number: z.int(),
    type: z.string(),
    subject: z.string(),
    attempts: z.int(),
    error: z.string(),
    at: time,
  })
  .register(schemas, { id: "DeadLetter", description: "An event that was given up after all its attempts." });

const webhookPath = "/api/v1/webhooks/{webhook}";
const tag = "webhooks";
const owners = access.roles("admin", "ops", "tenantOwner");

/** Outgoing webhooks: who is told of events. */
export const webhookOperations = {
  createWebhook: {
    id: "createWebhook",
    method: "POST",
    path: "/api/v1/webhooks",
    tag,
    access: owners,
    summary: "Be told of events",
    description:
      "Each is a CloudEvent, POSTed in order and at least once, signed as Standard Webhooks has it. The secret is told this " +
      "once, and again to whoever repeats the call with its Idempotency-Key. A caller that is bound to a tenant gets the " +
      "events of that one.",
    idempotent: true,
    body: newWebhook,
    bodyExample: { url: "https://states.example/hooks/waybill", types: ["package.*"] },
    answer: {
      status: 201,
      description: "The subscription, with its secret.",
      schema: z.object({ ...webhook.shape, secret: z.string() }),
    },
  },
  listWebhooks: {
    id: "listWebhooks",
    method: "GET",
    path: "/api/v1/webhooks",
    tag,
    access: owners,
    summary: "Subscriptions, and how they fare",
    answer: { status: 200, description: "All that the caller sees.", schema: z.object({ items: z.array(webhook) }) },
  },
  getWebhook: {
    id: "getWebhook",
    method: "GET",
    path: webhookPath,
    tag,
    access: owners,
    summary: "One subscription",
    answer: { status: 200, description: "The subscription.", schema: webhook },
    problems: [404],
  },
  deleteWebhook: {
    id: "deleteWebhook",
    method: "DELETE",
    path: webhookPath,
    tag,
    access: owners,
    summary: "End a subscription",
    answer: { status: 204, description: "It is gone." },
    problems: [404],
  },
  listDeadLetters: {
    id: "listDeadLetters",
    method: "GET",
    path: `${webhookPath}/dead-letters`,
    tag,
    access: owners,
    summary: "Events that were given up, the newest first",
    query: z.strictObject({
      before: z
        .string()
        .regex(/^[0-9]{1,15}$/u, "the number of an event")
        .optional(),
    }),
    answer: { status: 200, description: "At most 100.", schema: z.object({ items: z.array(deadLetter) }) },
    problems: [404],
  },
  redeliver: {
    id: "redeliver",
    method: "POST",
    path: `${webhookPath}/dead-letters/{number}/redeliver`,
    tag,
    access: owners,
    summary: "Send an event that was given up once more, now",
    answer: { status: 204, description: "It is delivered." },
    problems: [404],
  },
} as const satisfies Record<string, Operation>;
