/**
 * Outgoing webhooks: the store's events, sent to addresses that somebody subscribed. Each subscription has its place in the
 * event log, written down after every delivery: nothing is left out, order is kept, and after a crash the last one may
 * come twice. What is sent is a CloudEvent, signed as Standard Webhooks has it.
 */
export { Webhooks, type DeadLetter, type NewWebhook, type Webhook } from "./webhooks.ts";
export type { DeliveryLimits } from "./delivery.ts";
export { signatureOf } from "./signature.ts";
