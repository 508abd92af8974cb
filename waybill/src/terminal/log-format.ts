import type { Writable } from "node:stream";

export const logFormats = ["auto", "json", "text"] as const;
export type LogFormat = (typeof logFormats)[number];

/** Always there, or shown elsewhere in the line. */
const notShown = new Set(["level", "time", "name", "msg", "err", "requestId", "pid", "hostname"]);

/** What pino writes for every line, and what the caller added. */
interface LogLine extends Readonly<Record<string, unknown>> {
  readonly level: string;
  readonly name: string;
  readonly time: string;
  readonly msg?: string;
  readonly err?: { readonly stack?: string; readonly message?: string };
}

function shown(value: unknown): string {
  return typeof value === "string" && !/[\s"=]/.test(value) ? value : JSON.stringify(value);
}

/** `10:31:02 warn  store  message key=value`; the stack of an error follows on lines of its own. */
function textLine(json: string): string {
  const line = JSON.parse(json) as LogLine;
  const time = new Date(line.time).toTimeString().slice(0, 8);
  const details = Object.entries(line)
    .filter(([key]) => !notShown.has(key))
    .map(([key, value]) => ` ${key}=${shown(value)}`)
    .join("");
  const trace = (line.err?.stack ?? line.err?.message)?.split("\n").join("\n  ");
  const cause = trace === undefined ? "" : `\n  ${trace}`;
  return `${time} ${line.level.padEnd(5)} ${line.name}: ${line.msg ?? ""}${details}${cause}\n`;
}

/** Where a logger writes: JSON as it comes, or text for people; `auto` is text on a terminal. */
export function logTo(
  stream: Writable & { readonly isTTY?: boolean },
  format: LogFormat,
): { write(line: string): void } {
  const text = format === "text" || (format === "auto" && stream.isTTY === true);
  return { write: (line) => void stream.write(text ? textLine(line) : line) };
}
