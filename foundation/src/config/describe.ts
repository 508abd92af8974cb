import type { Setting, SettingsDefinition } from "./setting.ts";

/** `PULLTRACE_HTTP_ADDR` → `http-addr`: the variable without its system's name. */
export function flagOf(setting: Pick<Setting<unknown>, "env" | "flag">): string {
  if (setting.flag !== undefined) return setting.flag;
  const words = setting.env.toLowerCase().split("_");
  return (words.length > 1 ? words.slice(1) : words).join("-");
}

/** What names the file that a secret is in: `JWT_SIGNING_KEY_FILE`, `jwt-signing-key-file`. */
export function fileOf(setting: Pick<Setting<unknown>, "env" | "flag">): {
  readonly env: string;
  readonly flag: string;
} {
  return { env: `${setting.env}_FILE`, flag: `${flagOf(setting)}-file` };
}

function defaultOf(setting: Setting<unknown>): string {
  if (setting.defaultText !== undefined) return setting.defaultText === "" ? "empty" : setting.defaultText;
  return setting.optional ? "none" : "required";
}

/** Rows of a Markdown table: variable, flag, default, meaning. */
export function settingsTable(definition: SettingsDefinition): string {
  const rows = Object.values(definition).flatMap((setting) => {
    const value = defaultOf(setting);
    const shown = value === "required" || value === "none" || value === "empty" ? value : `\`${value}\``;
    const row = `| \`${setting.env}\` | \`--${flagOf(setting)}\` | ${setting.kind} | ${shown} | ${setting.describe} |`;
    if (setting.secret?.fromFile !== true) return [row];
    const { env, flag } = fileOf(setting);
    return [row, `| \`${env}\` | \`--${flag}\` | path | none | file with it, instead of ${setting.env} |`];
  });
  return ["| variable | flag | kind | default | meaning |", "|---|---|---|---|---|", ...rows].join("\n");
}
