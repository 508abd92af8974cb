import {
  fileOf,
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
  "comma-separated networks": "networks",
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
    if (setting.secret?.fromFile !== true) continue;
    const file = fileOf(setting);
    command.addOption(new Option(`--${file.flag} <path>`, `file with it, instead of ${setting.env} (env ${file.env})`));
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
  const secretFiles: Record<string, string> = {};
  for (const [field, setting] of Object.entries(definition)) {
    const option = new Option(`--${flagOf(setting)}`);
    const value = options[option.attributeName()];
    const path = options[new Option(`--${fileOf(setting).flag}`).attributeName()];
    if (setting.secret?.fromFile === true && typeof path === "string") secretFiles[field] = path;
    if (typeof value === "string") flags[field] = value;
    // Commander keeps `--no-agent` as `agent: false`, and `agent: true` when it was not given.
    else if (option.negate ? value === false : value === true) flags[field] = "true";
  }
  const settings = readSettings(definition, { env: process.env, flags, secretFiles });
  warnOfShown(definition, flags);
  return settings;
}

/** Everybody on this machine can list the arguments of a process, and shells keep them in a history. */
function warnOfShown(definition: SettingsDefinition, flags: Readonly<Record<string, string>>): void {
  for (const [field, setting] of Object.entries(definition)) {
    const text = flags[field];
    if (text === undefined || setting.secret === undefined || setting.secret.harmless(text)) continue;
    const [flag, file] = [`--${flagOf(setting)}`, fileOf(setting)];
    process.stderr.write(
      `waybill: warning: who lists processes sees the secret of ${flag}; use --${file.flag} FILE, or ${setting.env}\n`,
    );
  }
}
