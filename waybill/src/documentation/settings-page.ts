import { settingsTable, type SettingsDefinition } from "@waybill/foundation/config";
import { agentSettings } from "@waybill/pulltrace/settings";
import { managerServiceSettings, pullServiceSettings, storeServiceSettings, upSettings } from "../settings/index.ts";

const sections: readonly (readonly [command: string, definition: SettingsDefinition])[] = [
  ["waybill up", upSettings],
  ["waybill store serve", storeServiceSettings],
  ["waybill pulltrace server", pullServiceSettings],
  ["waybill pulltrace agent", agentSettings],
  ["waybill kubenova manager", managerServiceSettings],
];

const opening = `# Settings

*Made by \`make docs\` from the definitions in the code; a test fails when it is stale.*

Each setting is an environment variable and a flag; the flag wins, and an empty variable counts as unset. A wrong value
ends the start and names the variable and what is allowed. Durations are written \`500ms\`, \`30s\`, \`1h30m\`, \`7d\`; sizes
\`4096\`, \`256MiB\`, \`1GB\`; addresses \`:8080\` (every interface), \`127.0.0.1:8080\`, \`[::1]:8080\`.

A secret can be in a file, which \`VARIABLE_FILE\` or \`--flag-file\` names; a line end at its end is no part of it. As a flag
everybody who lists the machine's processes can read it, so that is warned of.
`;

/** `docs/settings.md`: every variable of every command. */
export function settingsPage(): string {
  const tables = sections.map(([command, definition]) => `\n## \`${command}\`\n\n${settingsTable(definition)}\n`);
  return opening + tables.join("");
}
