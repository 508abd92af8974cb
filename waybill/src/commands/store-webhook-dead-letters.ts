import type { Command } from "commander";
import type { DeadLetterListing, WebhookAccess } from "../store-access/index.ts";
import { tableOf } from "../terminal/index.ts";
import { print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
Events that were given up after all their attempts, the newest first; the events after them went on. Their number is what
waybill store webhook redeliver takes.

Examples:
  waybill store webhook dead-letters 8c0b54c6-7d3f-4c0e-9a4e-0a8f6f0d2b11
  waybill store webhook dead-letters 8c0b54c6-7d3f-4c0e-9a4e-0a8f6f0d2b11 --json | jq .number
`;

export function configure(command: Command): void {
  addPlace(command)
    .argument("<webhook>", "its id")
    .option("--json", "as JSON, one line for each event")
    .addHelpText("after", help)
    .action(async (id: string, options: Record<string, unknown>) => {
      await withPlace(options, async ({ webhooks }) => {
        const letters = await allDeadLetters(webhooks, id);
        if (options["json"] === true) return letters.forEach(printJson);
        const rows = letters.map(({ number, type, subject, attempts, at, error }) => [
          String(number),
          type,
          subject,
          String(attempts),
          at,
          error,
        ]);
        print(tableOf(["event", "type", "subject", "attempts", "given up", "why"], rows));
      });
    });
}

async function allDeadLetters(webhooks: WebhookAccess, id: string): Promise<readonly DeadLetterListing[]> {
  const all: DeadLetterListing[] = [];
  for (;;) {
    const page = await webhooks.deadLetters(id, all.at(-1)?.number);
    if (page.length === 0) return all;
    all.push(...page);
  }
}
