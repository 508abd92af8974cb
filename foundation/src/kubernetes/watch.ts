import type { IncomingMessage } from "node:http";
import { answerError, type StatusBody } from "./answer-error.ts";
import type { KubernetesObject } from "./resource.ts";
import { badAnswer } from "./transport.ts";

/** One line of a watch. A bookmark has nothing but `metadata.resourceVersion`. */
export interface WatchEvent<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: T;
}

export interface WatchLimits {
  /** Milliseconds without a byte after which the connection counts as dead. */
  readonly silenceMs: number;
  /** Bytes of one event; an object is at most 1.5 MiB in etcd. */
  readonly mostEventBytes: number;
}

/**
 * The events of one watch connection, in order. Ends when the server ends it, when it breaks, or after `silenceMs`
 * without a byte (the API server sends a bookmark each minute, so a silent connection is a dead one); then the caller
 * goes on from the last resource version that it saw.
 *
 * @throws KubernetesError for an ERROR event (EXPIRED when the version was compacted away: it comes with HTTP 200) and
 * for what is no watch.
 */
export async function* watchEvents<T extends KubernetesObject>(
  body: IncomingMessage,
  what: string,
  limits: WatchLimits,
): AsyncGenerator<WatchEvent<T>> {
  const silent = (): void => {
    body.destroy();
  };
  let timer = setTimeout(silent, limits.silenceMs);
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of endsQuietly(body)) {
      clearTimeout(timer);
      let from = 0;
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
        pieces.push(chunk.subarray(from, at));
        from = at + 1;
        const line = Buffer.concat(pieces).toString("utf8");
        pieces.length = 0;
        length = 0;
        if (line.trim() !== "") yield eventOf<T>(line, what);
      }
      if (from < chunk.length) {
        pieces.push(chunk.subarray(from));
        length += chunk.length - from;
        if (length > limits.mostEventBytes)
          throw badAnswer({ what }, `an event is larger than ${limits.mostEventBytes} bytes`);
      }
      timer = setTimeout(silent, limits.silenceMs);
    }
  } finally {
    clearTimeout(timer);
    body.destroy();
  }
}

/** A connection that breaks is the usual end of a watch and no error. What came before it counts. */
async function* endsQuietly(body: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) yield chunk;
  } catch {
    // Reset, aborted by the caller or silent for too long: the caller resumes or has stopped.
  }
}

function eventOf<T extends KubernetesObject>(line: string, what: string): WatchEvent<T> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw badAnswer({ what }, "a line of the watch is no JSON", error);
  }
  const { type, object } = (typeof value === "object" && value !== null ? value : {}) as Partial<WatchEvent<T>> & {
    readonly type?: string;
  };
  if (typeof object !== "object" || object === null) throw badAnswer({ what }, "an event of the watch has no object");
  if ((type as string) === "ERROR") {
    const body = object as StatusBody;
    throw answerError(what, { status: typeof body.code === "number" ? body.code : 500, body });
  }
  if (type !== "ADDED" && type !== "MODIFIED" && type !== "DELETED" && type !== "BOOKMARK")
    throw badAnswer({ what }, "an event of the watch has an unknown type");
  if (typeof object.metadata?.resourceVersion !== "string")
    throw badAnswer({ what }, "an object of the watch has no resourceVersion");
  return { type, object };
}
