const longestMs = 7 * 24 * 60 * 60 * 1000;
const unitMs: Readonly<Record<string, number>> = {
  µs: 0.001,
  us: 0.001,
  ms: 1,
  s: 1_000,
  second: 1_000,
  seconds: 1_000,
  m: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
};

/**
 * When a registry that was asked too often takes requests again, as its message says it:
 * - `Retry-After: 30`, `retry-after: 524.117µs` (GitHub's registry), `Retry-After: Wed, 21 Oct 2026 07:28:00 GMT`;
 * - `ratelimit-reset: 1700000000` (seconds since 1970) or `ratelimit-reset: 60` (seconds from now);
 * - `ratelimit-remaining: 0;w=21600` with a window `w` (Docker Hub): at the latest when the window is over;
 * - "try again in 5 minutes", "retry after 30 seconds".
 *
 * Undefined when nothing of that is there, lies in the past or more than a week ahead.
 */
export function retryTime(text: string, at: Date): Date | undefined {
  const found = dated(text) ?? numbered(text, at) ?? windowed(text, at);
  if (found === undefined || Number.isNaN(found)) return undefined;
  const rounded = Math.ceil(found);
  return rounded < at.getTime() || rounded - at.getTime() > longestMs ? undefined : new Date(rounded);
}

function dated(text: string): number | undefined {
  const http =
    /(?:retry-after|ratelimit-reset|reset)["']?[:=]? ?["']?([A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT)/iu;
  const iso =
    /(?:retry|reset|again)[a-z -]{0,20}["']?[:=]? ?["']?(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z)/iu;
  const date = http.exec(text)?.[1] ?? iso.exec(text)?.[1];
  return date === undefined ? undefined : Date.parse(date);
}

function numbered(text: string, at: Date): number | undefined {
  const words =
    /(?:retry[- ]after|ratelimit-reset|try again (?:in|after)|retry in)["']?[:=]? ?["']?(\d{1,12}(?:\.\d{1,9})?) ?(µs|us|ms|seconds?|minutes?|hours?|s|m|h)?(?![a-z0-9])/iu;
  const [, amount, unit] = words.exec(text) ?? [];
  if (amount === undefined) return undefined;
  const value = Number(amount);
  // Beyond a year of seconds it is a moment, not a duration.
  if (unit === undefined && value > 31_536_000) return value * 1000;
  return at.getTime() + value * (unitMs[(unit ?? "s").toLowerCase()] ?? 1000);
}

function windowed(text: string, at: Date): number | undefined {
  const seconds = /ratelimit-remaining["']?[:=]? ?["']?0;w=(\d{1,7})/iu.exec(text)?.[1];
  return seconds === undefined ? undefined : at.getTime() + Number(seconds) * 1000;
}
