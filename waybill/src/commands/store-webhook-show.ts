import type { Command } from "commander";
import type { WebhookListing } from "../store-access/index.ts";
import { factsOf, print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
One subscription, why its last delivery failed, and when it is tried again. Never its secret.

Examples:
  waybill store webhook show 8c0b54c6-7d3f-4c0e-9a4e-0a8f6f0d2b11
`;

export function configure(command: Command): void {
  addPlace(command)
    .argument("<webhook>", "its id")
    .option("--json", "as JSON: the subscription")
    .addHelpText("after", help)
    .action(async (id: string, options: Record<string, unknown>) => {
      await withPlace(options, async ({ webhooks }) => {
        const webhook = await webhooks.get(id);
        if (options["json"] === true) printJson(webhook);
        else print(webhookFacts(webhook));
      });
    });
}

export function webhookFacts(webhook: WebhookListing): string {
  const { id, tenant, url, types, cursor, failures, nextAttemptAt, lastError, lastDeliveredAt } = webhook;
  return factsOf([
    ["webhook", id],
    ["tenant", tenant],
    ["url", url],
    ["types", types.join(" ")],
    ["settled", `up to event ${cursor}`],
    ["delivered", lastDeliveredAt],
    ["failures", failures === 0 ? undefined : `${failures} of the next event, tried again at ${nextAttemptAt ?? "-"}`],
    ["last error", lastError],
    ["made", `${webhook.createdAt} by ${webhook.createdBy}`],
  ]);
}
