/**
 * Outgoing webhooks: the store's events, sent to addresses that somebody subscribed. Each subscription has its place in the
 * event log, written down after every delivery: nothing is left out, order is kept, and after a crash the last one may
 * come twice. What is sent is a CloudEvent, signed as Standard Webhooks has it.
 */
export { Webhooks } from "./webhooks.ts";
export { WebhookSecrets } from "./secrets.ts";
export type { DeadLetter, NewWebhook, Webhook } from "./subscription.ts";
export type { DeliveryLimits } from "./delivery.ts";
export { signatureOf } from "./signature.ts";
