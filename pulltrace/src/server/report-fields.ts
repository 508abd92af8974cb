import { withoutSecrets } from "../answers/index.ts";
import { printable } from "./printable.ts";

/** A place in the report (JSON pointer, RFC 6901) and what is wrong there. */
export interface ReportFault {
  readonly pointer: string;
  readonly detail: string;
}

export type Fields = Readonly<Record<string, unknown>>;

/** More faults than these are not looked for. */
export const mostFaults = 10;
const timeForm = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;
const longestError = 1_000;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `null` counts as absent, because Go writes empty values that way. */
export function absent(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

/** -0, which JSON can say, is none: it would be told as another number than 0. */
export function isWholeNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0);
}

/**
 * Reads one object's fields; notes each fault and goes on with a harmless value. A text that stands in `known`, which
 * was checked when it was new, is not looked at again: the string from there is taken, so that one copy of it is kept.
 */
export class FieldReader {
  readonly #fields: Fields;
  readonly #at: string;
  readonly #faults: ReportFault[];
  readonly #known: Fields;

  /** @param at JSON pointer of the object. */
  constructor(fields: Fields, at: string, faults: ReportFault[], known: object = nothingKnown) {
    this.#fields = fields;
    this.#at = at;
    this.#faults = faults;
    this.#known = known as Fields;
  }

  text(name: string, form: RegExp, most: number, rule: string): string {
    const value = this.#fields[name];
    const known = this.#known[name];
    if (typeof known === "string" && known === value) return known;
    if (typeof value === "string" && value.length <= most && form.test(value)) return value;
    this.#fault(name, `must be ${rule}`);
    return "";
  }

  optionalText(name: string, form: RegExp, most: number, rule: string): string | undefined {
    const value = this.#fields[name];
    return absent(value) || value === "" ? undefined : this.text(name, form, most, rule);
  }

  time(name: string): string {
    const value = this.text(name, timeForm, 40, "a time of RFC 3339 such as 2026-01-31T12:00:00Z");
    if (value !== "" && value !== this.#known[name] && Number.isNaN(Date.parse(value)))
      this.#fault(name, "is a day or hour that does not exist");
    return value;
  }

  optionalTime(name: string): string | undefined {
    return absent(this.#fields[name]) ? undefined : this.time(name);
  }

  choice<T extends string>(name: string, allowed: ReadonlySet<T>): T | undefined {
    const value = this.#fields[name];
    if (absent(value)) return undefined;
    for (const one of allowed) if (one === value) return one;
    this.#fault(name, `must be one of ${[...allowed].join(", ")}`);
    return undefined;
  }

  wholeNumber(name: string): number {
    const value = this.#fields[name];
    if (isWholeNumber(value)) return value;
    if (value === 0) return 0;
    this.#fault(name, "must be a whole number from 0 to 9007199254740991");
    return 0;
  }

  flag(name: string): boolean {
    const value = this.#fields[name];
    if (typeof value !== "boolean") this.#fault(name, "must be true or false");
    return value === true;
  }

  /** Text for people: what gives access is masked, what cannot be shown is taken out, what is too long is cut. */
  sentence(name: string): string | undefined {
    const value = this.#fields[name];
    if (absent(value)) return undefined;
    if (typeof value !== "string") {
      this.#fault(name, "must be text");
      return undefined;
    }
    // containerd's words, of an older agent: registries redirect to signed URLs.
    const shown = printable(withoutSecrets(value.slice(0, 4 * longestError)), longestError);
    return shown === "" ? undefined : shown;
  }

  list(name: string, most: number): readonly unknown[] {
    const value = this.#fields[name];
    if (value === null) return [];
    if (!Array.isArray(value)) {
      this.#fault(name, "must be a list");
      return [];
    }
    if (value.length <= most) return value;
    this.#fault(name, `at most ${most} entries are taken, these are ${value.length}`);
    return [];
  }

  #fault(name: string, detail: string): void {
    if (this.#faults.length < mostFaults) this.#faults.push({ pointer: `${this.#at}/${name}`, detail });
  }
}

const nothingKnown: Fields = {};
