import { UserError } from "../errors/index.ts";
import { fileOf, flagOf } from "./describe.ts";
import { secretIn } from "./secret-file.ts";
import type { Setting, SettingsDefinition, SettingsOf } from "./setting.ts";

export interface SettingSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By field name of the definition; a flag wins over the environment. */
  readonly flags?: Readonly<Record<string, string | undefined>>;
  /** Paths of files that secrets are in, by field name: what the `-file` flags say. */
  readonly secretFiles?: Readonly<Record<string, string | undefined>>;
}

export interface SettingProblem {
  readonly variable: string;
  readonly message: string;
}

/** Every setting that is wrong, at once, each with its name and what is allowed. */
export class SettingsError extends UserError {
  override readonly name = "SettingsError";
  readonly problems: readonly SettingProblem[];

  constructor(problems: readonly SettingProblem[]) {
    super(problems.map((problem) => `${problem.variable} ${problem.message}`).join("\n"));
    this.problems = problems;
  }
}

/** Where a setting is told: as it is, or, of a secret, by the path of a file that holds it. */
interface Place {
  /** As one would write it: `--http-addr`, `DEMO_HTTP_ADDR`. */
  readonly variable: string;
  readonly text?: string | undefined;
  readonly path?: string | undefined;
}

/** Flags before variables before the default. More than one only when somebody tells the same thing twice. */
function placesOf(field: string, setting: Setting<unknown>, sources: SettingSources): readonly Place[] {
  const { env, flags, secretFiles } = sources;
  const file = fileOf(setting);
  const levels: readonly (readonly Place[])[] = [
    [
      { variable: `--${flagOf(setting)}`, text: flags?.[field] },
      { variable: `--${file.flag}`, path: secretFiles?.[field] },
    ],
    [
      { variable: setting.env, text: env[setting.env] || undefined },
      { variable: file.env, path: setting.secret?.fromFile === true ? env[file.env] || undefined : undefined },
    ],
  ];
  const told = levels.map((level) => level.filter(({ text, path }) => text !== undefined || path !== undefined));
  return told.find((level) => level.length > 0) ?? [{ variable: setting.env, text: setting.defaultText }];
}

/**
 * Reads every setting of `definition`: the flag, else the variable, else the default. An empty variable counts as
 * unset, as it does in a container manifest.
 * @throws SettingsError naming each bad one.
 */
export function readSettings<const D extends SettingsDefinition>(
  definition: D,
  sources: SettingSources,
): SettingsOf<D> {
  const values: Record<string, unknown> = {};
  const problems: SettingProblem[] = [];
  for (const [field, setting] of Object.entries(definition)) {
    const [place, another] = placesOf(field, setting, sources);
    if (place === undefined) continue;
    const { variable } = place;
    let { text } = place;
    try {
      if (another !== undefined)
        throw new Error(`and ${another.variable} are two secrets for one thing: leave one out`);
      if (place.path !== undefined) text = secretIn(place.path);
      if (text === undefined) {
        values[field] = undefined;
        if (!setting.optional) throw new Error(`is required: ${setting.describe}`);
      } else if (text === "" && setting.defaultText === "") {
        values[field] = setting.kind.startsWith("comma-separated") ? [] : "";
      } else {
        values[field] = setting.parse(text);
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const quoted =
        text === undefined || setting.secret !== undefined ? "" : `, but is ${JSON.stringify(text.slice(0, 100))}`;
      problems.push({ variable, message: `${reason}${quoted}` });
    }
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return values as SettingsOf<D>;
}
