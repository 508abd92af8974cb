import type { Setting, SettingsDefinition } from "./setting.ts";

/** `PULLTRACE_HTTP_ADDR` → `http-addr`: the variable without its system's name. */
export function flagOf(setting: Pick<Setting<unknown>, "env" | "flag">): string {
  if (setting.flag !== undefined) return setting.flag;
  const words = setting.env.toLowerCase().split("_");
  return (words.length > 1 ? words.slice(1) : words).join("-");
}

function defaultOf(setting: Setting<unknown>): string {
  if (setting.defaultText !== undefined) return setting.defaultText === "" ? "empty" : setting.defaultText;
  return setting.optional ? "none" : "required";
}

/** Rows of a Markdown table: variable, flag, default, meaning. */
export function settingsTable(definition: SettingsDefinition): string {
  const rows = Object.values(definition).map((setting) => {
    const value = defaultOf(setting);
    const shown = value === "required" || value === "none" || value === "empty" ? value : `\`${value}\``;
    return `| \`${setting.env}\` | \`--${flagOf(setting)}\` | ${setting.kind} | ${shown} | ${setting.describe} |`;
  });
  return ["| variable | flag | kind | default | meaning |", "|---|---|---|---|---|", ...rows].join("\n");
}

/** Lines for `--help`: the environment variables that a command reads. */
export function settingsHelp(definition: SettingsDefinition): string {
  const settings = Object.values(definition);
  const width = Math.max(...settings.map((setting) => setting.env.length));
  const lines = settings.map(
    (setting) =>
      `  ${setting.env.padEnd(width)}  ${setting.describe} (${setting.kind}; default: ${defaultOf(setting)})`,
  );
  return ["Environment:", ...lines].join("\n");
}
