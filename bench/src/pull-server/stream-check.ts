import { toldAt } from "./workload.ts";

/** A message of an event stream, with the place in the stream where it ended. */
export interface Mark {
  /** Bytes from the beginning of the stream to the end of the message. */
  readonly offset: number;
  /** Milliseconds after the epoch at which its report was made. */
  readonly toldAt: number;
}

export interface StreamFigures {
  readonly messages: number;
  /** Ids that were skipped or came twice. */
  readonly gaps: number;
  /** Messages whose data is not what the contract says. */
  readonly bad: number;
  readonly lastNumber: number;
}

interface TimedPull {
  readonly phase?: string;
  readonly downloadedBytes?: number;
}

/**
 * Reads an event stream to the letter: each `data:` one JSON document, ids counting up by one. `view` "events" expects
 * one PullEvent in each, "page" what a page shows.
 */
export function createStreamCheck(view: "events" | "page", onMark: (mark: Mark) => void) {
  const figures = { messages: 0, gaps: 0, bad: 0, lastNumber: -1 };
  let rest = "";
  let offset = 0;

  const pullsIn = (document: unknown): readonly TimedPull[] => {
    if (view === "events") {
      const { schemaVersion, type, pull, layer } = document as Record<string, unknown>;
      const whole = String(type).startsWith("pull.") ? pull : layer;
      if (schemaVersion !== "v1" || typeof whole !== "object") figures.bad += 1;
      return pull === undefined ? [] : [pull as TimedPull];
    }
    const { rows } = document as { rows?: unknown };
    if (!Array.isArray(rows)) figures.bad += 1;
    return Array.isArray(rows) ? (rows as TimedPull[]) : [];
  };

  const take = (message: string): void => {
    let id = "";
    let data: string | undefined;
    for (const line of message.split("\n")) {
      if (line.startsWith("id: ")) id = line.slice(4);
      else if (line.startsWith("data: ")) data = data === undefined ? line.slice(6) : `${data}\n${line.slice(6)}`;
    }
    if (data === undefined) return;
    figures.messages += 1;
    const number = Number(id.slice(id.lastIndexOf("-") + 1));
    if (figures.lastNumber >= 0 && number !== figures.lastNumber + 1) figures.gaps += 1;
    figures.lastNumber = number;
    let pulls: readonly TimedPull[] = [];
    try {
      pulls = pullsIn(JSON.parse(data));
    } catch {
      figures.bad += 1;
    }
    for (const pull of pulls) {
      const at = toldAt(pull.downloadedBytes ?? 0);
      if (at !== undefined) onMark({ offset, toldAt: at });
    }
  };

  return {
    figures: figures as StreamFigures,
    /** All text here is ASCII, so that characters are bytes. */
    read(bytes: Buffer): void {
      const text = rest + bytes.toString("latin1");
      let from = 0;
      for (;;) {
        const end = text.indexOf("\n\n", from);
        if (end === -1) break;
        offset += end + 2 - from;
        take(text.slice(from, end));
        from = end + 2;
      }
      rest = text.slice(from);
    },
  };
}
