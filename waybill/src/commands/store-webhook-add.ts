import { readFile } from "node:fs/promises";
import { UserError } from "@waybill/foundation/errors";
import type { Command } from "commander";
import { UsageError } from "../errors/index.ts";
import type { NewWebhookAsked } from "../store-access/index.ts";
import { print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";
import { webhookFacts } from "./store-webhook-show.ts";

const help = `
Every event of these types is POSTed to the address, in order and at least once, signed as Standard Webhooks has it. The
secret that signs is printed here and never again. A server delivers; what is added to a folder waits for one. Who is bound
to a tenant gets that tenant's events, who is above tenants everybody's.

Examples:
  waybill store webhook add https://states.example/hooks/waybill --type "package.*"
  waybill store webhook add https://states.example/hooks/waybill --key hub-1 --json | jq -r .secret
  waybill store webhook add https://states.example/hooks/all --after 0
`;

export function configure(command: Command): void {
  addPlace(command)
    .argument("<url>", "where events are sent")
    .option("--type <name>", "only these events; * at the end stands for any; may come several times", several, [])
    .option("--secret-file <path>", "file with the secret, whsec_ and base64 of 24 to 64 bytes; one is made without it")
    .option("--after <number>", "begin after this event; 0: with the oldest that is kept; without it from now on")
    .option("--key <text>", "a call with the same key makes no second subscription")
    .option("--json", "as JSON: the subscription, with its secret")
    .addHelpText("after", help)
    .action(async (url: string, options: Record<string, unknown>) => {
      const asked = await askedIn(url, options);
      await withPlace(options, async ({ webhooks }) => {
        const made = await webhooks.add(asked);
        if (options["json"] === true) printJson(made);
        else print(`${webhookFacts(made)}${"secret:".padEnd(13)} ${made.secret}\n`);
      });
    });
}

function several(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

async function askedIn(url: string, options: Readonly<Record<string, unknown>>): Promise<NewWebhookAsked> {
  const { after, key, secretFile } = options;
  const types = options["type"] as readonly string[];
  if (typeof after === "string" && !/^\d{1,15}$/.test(after)) {
    throw new UsageError("--after is the number of an event", "Numbers are those of GET /events.");
  }
  // What a server takes as Idempotency-Key, so that a folder takes the same.
  if (typeof key === "string" && !/^[\x21-\x7E]{1,200}$/.test(key)) {
    throw new UsageError("--key is 1 to 200 visible ASCII characters without blanks", "A UUID, for instance.");
  }
  return {
    url,
    ...(types.length === 0 ? {} : { types }),
    ...(typeof after === "string" ? { after: Number(after) } : {}),
    ...(typeof key === "string" ? { key } : {}),
    ...(typeof secretFile === "string" ? { secret: await secretIn(secretFile) } : {}),
  };
}

async function secretIn(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (error) {
    throw new UserError(`the secret cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
