import type { IncomingMessage } from "node:http";
import { Problem } from "../errors/index.ts";
import type { HttpContext, HttpEnv } from "./route.ts";

/** Deeper JSON than this is no document of ours; it would overflow the stack of whoever walks it. */
const maximumJsonDepth = 64;

function tooLarge(limitBytes: number): Problem {
  return new Problem({
    code: "TOO_LARGE",
    status: 413,
    title: "Body too large",
    detail: `The body may have at most ${limitBytes} bytes.`,
  });
}

function malformed(detail: string): Problem {
  return new Problem({ code: "MALFORMED", status: 400, title: "Malformed body", detail });
}

/** Whether an error of a request's stream means that the client went away, rather than that we failed. */
export function clientIsGone(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return (
    code === "ECONNRESET" ||
    code === "ERR_STREAM_PREMATURE_CLOSE" ||
    code === "EPIPE" ||
    (error instanceof Error && error.name === "AbortError")
  );
}

/**
 * The whole body, in memory.
 * @throws Problem 413 as soon as it is known to be larger than `limitBytes`, 400 when it ends before its length.
 */
export async function readBody(c: HttpContext, limitBytes: number): Promise<Uint8Array> {
  const incoming = (c.env as Partial<HttpEnv["Bindings"]> | undefined)?.incoming;
  if (incoming !== undefined) return readIncoming(incoming, limitBytes);
  checkDeclared(c.req.header("content-length"), limitBytes);
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of c.req.raw.body ?? []) add(chunk, limitBytes, chunks);
  } catch (error) {
    throw error instanceof Problem ? error : cutOff();
  }
  return joined(chunks);
}

/** The same from Node's own request. */
export async function readIncoming(incoming: IncomingMessage, limitBytes: number): Promise<Uint8Array> {
  checkDeclared(incoming.headers["content-length"], limitBytes);
  const chunks: Uint8Array[] = [];
  try {
    await collect(incoming, limitBytes, chunks);
  } catch (error) {
    throw error instanceof Problem ? error : cutOff();
  }
  return joined(chunks);
}

function checkDeclared(contentLength: string | undefined, limitBytes: number): void {
  if (contentLength !== undefined && Number(contentLength) > limitBytes) throw tooLarge(limitBytes);
}

function cutOff(): Problem {
  return malformed("The body ended before it was complete.");
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

function add(chunk: Uint8Array, limitBytes: number, chunks: Uint8Array[]): void {
  let bytes = chunk.byteLength;
  for (const { byteLength } of chunks) bytes += byteLength;
  if (bytes > limitBytes) throw tooLarge(limitBytes);
  chunks.push(chunk);
}

/** From Node's own stream, which costs a fraction of a web stream; it stays open, so that an early answer gets through. */
function collect(incoming: IncomingMessage, limitBytes: number, chunks: Uint8Array[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error?: Error): void => {
      incoming.off("data", onData).off("end", onEnd).off("error", finish).off("close", onClose);
      if (error === undefined) resolve();
      else {
        incoming.pause();
        reject(error);
      }
    };
    const onData = (chunk: Buffer): void => {
      try {
        add(chunk, limitBytes, chunks);
      } catch (error) {
        finish(error as Error);
      }
    };
    const onEnd = (): void => finish();
    const onClose = (): void => finish(new Error("the client went away"));
    incoming.on("data", onData).on("end", onEnd).on("error", finish).on("close", onClose);
    if (incoming.readableEnded) finish();
    else if (incoming.destroyed) onClose();
  });
}

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (inString) {
      if (character === 0x5c /* backslash: skip what it escapes */) i++;
      else if (character === 0x22) inString = false;
    } else if (character === 0x22) inString = true;
    else if (character === 0x5b || character === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (character === 0x5d || character === 0x7d) depth--;
  }
  return deepest;
}

/**
 * The body as JSON.
 * @throws Problem 400 malformed (syntax, UTF-8, nesting over 64), 413 too large, 415 when it says that it is not JSON.
 */
export async function readJson(c: HttpContext, limitBytes: number): Promise<unknown> {
  const type = c.req.header("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== undefined && type !== "application/json" && !type.endsWith("+json")) {
    throw new Problem({
      code: "UNSUPPORTED_MEDIA_TYPE",
      status: 415,
      title: "Unsupported media type",
      detail: `The body must be application/json, not ${type.slice(0, 100)}.`,
    });
  }
  const bytes = await readBody(c, limitBytes);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw malformed("The body is not UTF-8.");
  }
  if (depthOf(text) > maximumJsonDepth) throw malformed(`The JSON is nested deeper than ${maximumJsonDepth} levels.`);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw malformed("The body is not valid JSON.");
  }
}
