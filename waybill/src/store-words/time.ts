import { UsageError } from "../errors/index.ts";
import { parseDuration } from "@waybill/foundation/config";

/** A time as a person writes it, `2027-03-01`, `2027-03-01T12:00:00Z` or `30d` from now, as RFC 3339. @throws UsageError */
export function parseTime(text: string, option: string, now: number = Date.now()): string {
  const at = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text)
    ? Date.parse(text)
    : now + durationIn(text, option);
  if (Number.isNaN(at) || at > Date.parse("9999-12-31T23:59:59Z")) {
    throw new UsageError(`${option}: ${JSON.stringify(text)} is no time`);
  }
  return new Date(at).toISOString();
}

function durationIn(text: string, option: string): number {
  try {
    return parseDuration(text);
  } catch {
    throw new UsageError(
      `${option} must be a time or a duration, but is ${JSON.stringify(text.slice(0, 80))}`,
      'Write 2027-03-01, 2027-03-01T12:00:00Z, or a duration from now: "30d", "12h".',
    );
  }
}

/** `30d` as milliseconds, `none` as null. @throws UsageError */
export function parseLifetime(text: string, option: string): number | null {
  return text === "none" ? null : durationIn(text, option);
}

/** `2592000000` → `30d`, null → `none`: read back by `parseLifetime`. */
export function durationText(ms: number | null): string {
  if (ms === null) return "none";
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1000],
  ] as const;
  const [unit, size] = units.find(([, length]) => ms % length === 0 && ms >= length) ?? ["ms", 1];
  return `${ms / size}${unit}`;
}
