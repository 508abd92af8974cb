import { parseAddress, parseBytes, parseDuration, parseNetworks, type Address, type Network } from "./values.ts";

interface Common {
  /** Name of the environment variable. */
  readonly env: string;
  /** What it means, in a few words, without a full stop. */
  readonly describe: string;
  /** Flag without dashes; made of `env` without its first word when absent. */
  readonly flag?: string;
}

interface Secret {
  /** It may also be in a file, which `<flag>-file` or `<variable>_FILE` names. */
  readonly fromFile: boolean;
  /** Whether this one may be seen, such as the address of a database without a password in it. */
  harmless(text: string): boolean;
}

/** One setting of value type `T`. Made by the functions of `setting`. */
export interface Setting<T> extends Common {
  readonly kind: string;
  /** As one would write it; absent when the setting is required or optional. */
  readonly defaultText: string | undefined;
  readonly optional: boolean;
  /** Never printed; undefined for what anybody may see. */
  readonly secret: Secret | undefined;
  /** Unit of the parsed value, for documentation: `milliseconds`, `bytes`. */
  readonly unit: string | undefined;
  /** Throws an `Error` that says what is allowed. */
  parse(text: string): T;
}

export type SettingsDefinition = Readonly<Record<string, Setting<unknown>>>;
export type SettingsOf<D extends SettingsDefinition> = {
  readonly [K in keyof D]: D[K] extends Setting<infer T> ? T : never;
};

/** With a default, or required: the value is always there. */
interface Required extends Common {
  readonly default?: string;
  readonly optional?: false;
}
/** Without a default and not required: the value may be undefined. */
interface Optional extends Common {
  readonly optional: true;
}

interface Kind<Extra, T> {
  (options: Required & Extra): Setting<T>;
  (options: Optional & Extra): Setting<T | undefined>;
}

function kind<Extra extends object, T>(
  name: string | ((options: Extra) => string),
  parse: (text: string, options: Extra) => T,
  traits: { readonly unit?: string; readonly secret?: (options: Extra) => Secret } = {},
): Kind<Extra, T> {
  function make(options: (Required | Optional) & Extra): Setting<T> {
    const defaultText = "default" in options ? options.default : undefined;
    return {
      env: options.env,
      describe: options.describe,
      ...(options.flag === undefined ? {} : { flag: options.flag }),
      kind: typeof name === "string" ? name : name(options),
      defaultText,
      optional: options.optional === true,
      secret: traits.secret?.(options),
      unit: traits.unit,
      parse: (text) => parse(text, options),
    };
  }
  return make as Kind<Extra, T>;
}

interface Range {
  /** Written like the value. */
  readonly min?: string;
  readonly max?: string;
}

function withinRange(value: number, options: Range, read: (text: string) => number): number {
  if (options.min !== undefined && value < read(options.min)) throw new Error(`must be at least ${options.min}`);
  if (options.max !== undefined && value > read(options.max)) throw new Error(`must be at most ${options.max}`);
  return value;
}

function parseInteger(text: string): number {
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(Number(text))) throw new Error("must be a whole number");
  return Number(text);
}

const booleans: Readonly<Record<string, boolean>> = {
  true: true,
  "1": true,
  yes: true,
  false: false,
  "0": false,
  no: false,
};

/** The kinds of settings. Each takes the variable's name, its default and what it means. */
export const setting = {
  string: kind<{ readonly maxLength?: number; readonly pattern?: RegExp; readonly allowed?: string }, string>(
    "text",
    (text, options) => {
      if (text.length > (options.maxLength ?? 4096))
        throw new Error(`must be at most ${options.maxLength ?? 4096} characters`);
      if (options.pattern !== undefined && !options.pattern.test(text)) {
        throw new Error(`must be ${options.allowed ?? `text that matches ${options.pattern.source}`}`);
      }
      return text;
    },
  ),
  /**
   * Never printed; a problem with it never quotes it. It can be in a file as well: a flag shows it to everybody who can
   * list processes. `ownFile`: a setting of its own names the file, because it means more than to be read once.
   */
  secret: kind<
    { readonly minLength?: number; readonly ownFile?: boolean; readonly harmless?: (text: string) => boolean },
    string
  >(
    "secret",
    (text, options) => {
      if (text.length < (options.minLength ?? 1))
        throw new Error(`must be at least ${options.minLength ?? 1} characters long`);
      return text;
    },
    {
      secret: ({ ownFile = false, harmless = () => false }) => ({ fromFile: !ownFile, harmless }),
    },
  ),
  integer: kind<Range, number>("whole number", (text, options) =>
    withinRange(parseInteger(text), options, parseInteger),
  ),
  boolean: kind<object, boolean>("true or false", (text) => {
    const value = booleans[text.toLowerCase()];
    if (value === undefined) throw new Error("must be true or false");
    return value;
  }),
  duration: kind<Range, number>(
    "duration",
    (text, options) => withinRange(parseDuration(text), options, parseDuration),
    {
      unit: "milliseconds",
    },
  ),
  bytes: kind<Range, number>("size", (text, options) => withinRange(parseBytes(text), options, parseBytes), {
    unit: "bytes",
  }),
  address: kind<object, Address>("address", parseAddress),
  choice: <const C extends string>(options: Required & { readonly choices: readonly C[] }): Setting<C> =>
    kind<{ readonly choices: readonly C[] }, C>(
      (o) => o.choices.join(", "),
      (text, o) => {
        const value = o.choices.find((choice) => choice === text);
        if (value === undefined) throw new Error(`must be one of ${o.choices.join(", ")}`);
        return value;
      },
    )(options),
  /** Comma-separated; blanks around the parts are dropped, and empty parts with them. */
  list: kind<object, readonly string[]>("comma-separated list", (text) =>
    text
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== ""),
  ),
  networks: kind<object, readonly Network[]>("comma-separated networks", parseNetworks),
  url: kind<{ readonly protocols?: readonly string[] }, string>("URL", (text, options) => {
    const protocols = options.protocols ?? ["http", "https"];
    const allowed = `must be a URL that begins with ${protocols.map((p) => `${p}://`).join(" or ")}`;
    if (!URL.canParse(text)) throw new Error(allowed);
    if (!protocols.includes(new URL(text).protocol.replace(":", ""))) throw new Error(allowed);
    return text;
  }),
  path: kind<object, string>("path", (text) => {
    if (text.includes("\0") || text === "") throw new Error("must be a path");
    return text;
  }),
} as const;
