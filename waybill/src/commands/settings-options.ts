import {
  flagOf,
  readSettings,
  type Setting,
  type SettingsDefinition,
  type SettingsOf,
} from "@waybill/foundation/config";
import { Option, type Command } from "commander";

/** What stands behind a flag in the help: `--history-ttl <duration>`. */
const placeholders: Readonly<Record<string, string>> = {
  "true or false": "true|false",
  "whole number": "number",
  "comma-separated list": "list",
};

function meaning(setting: Setting<unknown>): string {
  const notes = [`env ${setting.env}`];
  if (setting.defaultText !== undefined && setting.defaultText !== "") notes.push(`default ${setting.defaultText}`);
  if (setting.defaultText === undefined && !setting.optional) notes.push("required");
  return `${setting.describe} (${notes.join("; ")})`;
}

/** A switch may stand alone: `--allow-open` means `--allow-open true`; one that begins with "no" always does. */
function valueOf(setting: Setting<unknown>, placeholder: string): string {
  if (setting.kind !== "true or false") return ` <${placeholder}>`;
  return flagOf(setting).startsWith("no-") ? "" : ` [${placeholder}]`;
}

/** One option for each setting, with the words of its definition. */
export function addSettings(command: Command, definition: SettingsDefinition): Command {
  for (const setting of Object.values(definition)) {
    const placeholder =
      placeholders[setting.kind] ?? (setting.kind.includes(",") ? setting.kind.replaceAll(", ", "|") : setting.kind);
    command.addOption(new Option(`--${flagOf(setting)}${valueOf(setting, placeholder)}`, meaning(setting)));
  }
  return command;
}

/**
 * The settings of a command: its flag, else the environment, else the default.
 * @param options what commander parsed.
 * @throws SettingsError naming each bad one.
 */
export function settingsOf<const D extends SettingsDefinition>(
  definition: D,
  options: Readonly<Record<string, unknown>>,
): SettingsOf<D> {
  const flags: Record<string, string> = {};
  for (const [field, setting] of Object.entries(definition)) {
    const option = new Option(`--${flagOf(setting)}`);
    const value = options[option.attributeName()];
    if (typeof value === "string") flags[field] = value;
    // Commander keeps `--no-agent` as `agent: false`, and `agent: true` when it was not given.
    else if (option.negate ? value === false : value === true) flags[field] = "true";
  }
  return readSettings(definition, { env: process.env, flags });
}
