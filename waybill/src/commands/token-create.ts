import { setting } from "@waybill/foundation/config";
import type { Command } from "commander";
import { ownSecret } from "../data-folder/index.ts";
import { upSettings } from "../settings/index.ts";
import { addSettings, settingsOf } from "./settings-options.ts";

const help = `
The token is signed with JWT_SIGNING_KEY, or with the key that an installation keeps in its data folder; a data folder
that has none yet gets one. Whoever holds the key can sign: run this where Waybill runs, as its user.

Examples:
  waybill kubenova token create                              an admin for one hour
  waybill kubenova token create --role ops --ttl 8h --subject ci
  TOKEN=$(waybill kubenova token create --data /var/lib/waybill)
  curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8080/api/v1/me
  skopeo login --tls-verify=false -u any -p "$TOKEN" 127.0.0.1:8080

Tokens that are bound to a tenant come from the API: POST /api/v1/tokens.
`;

const tokenSettings = {
  role: setting.choice({
    env: "KUBENOVA_TOKEN_ROLE",
    flag: "role",
    describe: "what the token may do",
    choices: ["admin", "ops"],
    default: "admin",
  }),
  subject: setting.string({
    env: "KUBENOVA_TOKEN_SUBJECT",
    flag: "subject",
    describe: "who it is for; shown in logs and audit",
    default: "command-line",
    maxLength: 253,
  }),
  ttl: setting.duration({
    env: "KUBENOVA_TOKEN_TTL",
    flag: "ttl",
    describe: "how long it is valid",
    default: "1h",
    min: "1m",
    max: "365d",
  }),
  data: upSettings.data,
  signingKey: upSettings.signingKey,
} as const;

export function configure(command: Command): void {
  addSettings(command, tokenSettings);
  command
    .option("--json", "as JSON, with the time it expires")
    .addHelpText("after", help)
    .action(async (options: Record<string, unknown>) => {
      const settings = settingsOf(tokenSettings, options);
      const { createTokenAuthority } = await import("@waybill/foundation/auth");
      const key = settings.signingKey ?? (await ownSecret(settings.data, "signing.key"));
      const { token, expiresAt } = await createTokenAuthority({ key: Buffer.from(key) }).issue({
        subject: settings.subject,
        roles: [settings.role],
        ttlSeconds: Math.floor(settings.ttl / 1000),
      });
      if (options["json"] === true) {
        process.stdout.write(`${JSON.stringify({ token, expiresAt: expiresAt.toISOString() })}\n`);
      } else {
        process.stdout.write(`${token}\n`);
      }
    });
}
