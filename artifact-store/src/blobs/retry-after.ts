/**
 * How long an answer asks its client to stay away (RFC 9110 section 10.2.3: seconds, or a date). Undefined when it does not,
 * or says something else.
 * @param now milliseconds since 1970
 * @returns milliseconds from now, 0 for a date that is over
 */
export function readRetryAfter(header: string | undefined, now: number): number | undefined {
  const text = header?.trim() ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // Dates of HTTP alone: Date.parse would make one of almost anything.
  const date = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
