import type { Readable } from "node:stream";

const longestFrame = 256 * 1024 * 1024;

/** The messages of an event stream (HTML Living Standard, section 9.2.6) whose data are JSON. */
export async function* readEvents(
  source: Readable,
): AsyncGenerator<{ readonly event: string; readonly data: unknown }> {
  let pending = "";
  source.setEncoding("utf8");
  for await (const text of source as AsyncIterable<string>) {
    pending += text;
    if (pending.length > longestFrame) throw new Error("the server sent a message that is too long");
    for (let end = pending.indexOf("\n\n"); end !== -1; end = pending.indexOf("\n\n")) {
      const message = messageOf(pending.slice(0, end));
      pending = pending.slice(end + 2);
      if (message !== undefined) yield message;
    }
  }
}

/** Undefined for comments and what has no data. */
function messageOf(frame: string): { readonly event: string; readonly data: unknown } | undefined {
  const fields = frame.split("\n").map((line) => /^(event|data): ?(.*)$/.exec(line));
  const event = fields.find((field) => field?.[1] === "event")?.[2] ?? "message";
  const data = fields.filter((field) => field?.[1] === "data").map((field) => field?.[2] ?? "");
  return data.length === 0 ? undefined : { event, data: JSON.parse(data.join("\n")) as unknown };
}
