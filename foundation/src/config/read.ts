import { UserError } from "../errors/index.ts";
import { flagOf } from "./describe.ts";
import type { SettingsDefinition, SettingsOf } from "./setting.ts";

export interface SettingSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By field name of the definition; a flag wins over the environment. */
  readonly flags?: Readonly<Record<string, string | undefined>>;
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
    const flag = sources.flags?.[field];
    const fromEnvironment = sources.env[setting.env];
    const text = flag ?? (fromEnvironment === "" ? undefined : fromEnvironment) ?? setting.defaultText;
    const variable = flag === undefined ? setting.env : `--${flagOf(setting)}`;
    if (text === undefined) {
      values[field] = undefined;
      if (!setting.optional) problems.push({ variable: setting.env, message: `is required: ${setting.describe}` });
      continue;
    }
    if (text === "" && setting.defaultText === "") {
      values[field] = setting.kind === "comma-separated list" ? [] : "";
      continue;
    }
    try {
      values[field] = setting.parse(text);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      problems.push({
        variable,
        message: setting.secret ? reason : `${reason}, but is ${JSON.stringify(text.slice(0, 100))}`,
      });
    }
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return values as SettingsOf<D>;
}
