/** One message of a server-sent event stream. */
export interface StreamMessage {
  /** The last `id:` seen, also when this message carried none. */
  readonly id: string;
  /** `message` unless named. */
  readonly event: string;
  /** Absent when the message carried an id only: nothing happened, but one resumes from there. */
  readonly data?: string;
}

/** A message larger than this (in UTF-16 units) is refused: the server never sends one. */
const messageLimit = 4 * 1024 * 1024;

/**
 * Cuts a text stream into messages as the HTML standard says (section 9.2.6, "Interpreting an event stream"): lines end
 * with CR LF, LF or CR, comments are skipped, a message ends with an empty line, an unfinished one is never given out.
 * Unlike a browser's EventSource it also gives out a message that moves the id and carries no data.
 * @throws RangeError when a message grows past the limit.
 */
export function createMessageReader(
  lastId: string,
  onRetry?: (milliseconds: number) => void,
): (text: string) => StreamMessage[] {
  let rest = "";
  let id = lastId;
  let givenId = lastId;
  let event = "";
  let data: string[] = [];
  let size = 0;
  let first = true;

  function field(line: string, out: StreamMessage[]): void {
    if (line === "") {
      if (data.length > 0 || id !== givenId) {
        const text = data.length > 0 ? { data: data.join("\n") } : {};
        out.push({ id, event: event === "" ? "message" : event, ...text });
      }
      givenId = id;
      event = "";
      data = [];
      size = 0;
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const raw = colon < 0 ? "" : line.slice(colon + 1);
    const value = raw.startsWith(" ") ? raw.slice(1) : raw;
    if (name === "data") {
      data.push(value);
      size += value.length;
      if (size > messageLimit) throw new RangeError("A message of the event stream is larger than 4 MiB.");
    } else if (name === "event") event = value;
    else if (name === "retry" && /^\d{1,9}$/.test(value)) onRetry?.(Number(value));
    else if (name === "id" && !value.includes("\0")) id = value;
  }

  return (text) => {
    const out: StreamMessage[] = [];
    rest += text;
    if (first && rest !== "") {
      if (rest.startsWith("\uFEFF")) rest = rest.slice(1);
      first = false;
    }
    let start = 0;
    for (let at = 0; at < rest.length; at += 1) {
      const character = rest.charCodeAt(at);
      if (character !== 10 && character !== 13) continue;
      // A CR that ends the piece may be half of CR LF: wait for the next piece.
      if (character === 13 && at === rest.length - 1) break;
      field(rest.slice(start, at), out);
      if (character === 13 && rest.charCodeAt(at + 1) === 10) at += 1;
      start = at + 1;
    }
    rest = rest.slice(start);
    if (rest.length > messageLimit) throw new RangeError("A line of the event stream is larger than 4 MiB.");
    return out;
  };
}
