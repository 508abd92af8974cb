import {
  Agent as PlainAgent,
  request as plain,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from "node:http";
import { Agent as SecureAgent, request as secure } from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { UserError } from "@waybill/foundation/errors";
import { BusyError, DeniedError, NotFoundError, OvertakenError, UnsoundError } from "../errors/index.ts";

/** No byte moves for so long: the other side is not there any more. There is no limit on the whole. */
const stallMs = 60_000;
/** Of an answer that is held in memory; blobs are streams. */
const largestAnswer = 64 * 1024 * 1024;

export interface Call {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly json?: object;
  readonly body?: { readonly source: Readable; readonly length: number };
  /** Statuses that are an answer; any other is an error. */
  readonly expected: readonly number[];
  readonly signal?: AbortSignal;
  /** Of a call whose server looks at a whole store before its first byte; else a minute. */
  readonly patienceMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

/** One server, with connections that are kept, and errors in the words of the command line. */
export interface HttpClient {
  /** The answer with its body unread: the caller reads it to the end, or destroys it. */
  open(call: Call): Promise<IncomingMessage>;
  /** The answer with its body. */
  send(call: Call): Promise<Answer>;
  close(): void;
}

/** The connection ended, or never began: worth another try, unlike an answer. */
export class ConnectionError extends UserError {
  override readonly name = "ConnectionError";
}

/** @param authorization whole value of the header; undefined: nobody in particular */
export function httpClient(server: URL, authorization: string | undefined): HttpClient {
  const isSecure = server.protocol === "https:";
  const agent = new (isSecure ? SecureAgent : PlainAgent)({ keepAlive: true, maxSockets: 16 });

  async function open(call: Call): Promise<IncomingMessage> {
    const body = call.json === undefined ? undefined : Buffer.from(JSON.stringify(call.json));
    const length = body?.byteLength ?? call.body?.length ?? (call.method === "GET" ? undefined : 0);
    const outgoing = (isSecure ? secure : plain)(new URL(call.path, server), {
      method: call.method,
      agent,
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(length === undefined ? {} : { "content-length": length }),
        ...call.headers,
      },
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
    const patienceMs = call.patienceMs ?? stallMs;
    outgoing.setTimeout(patienceMs, () => outgoing.destroy(new Error(`no byte moved for ${patienceMs / 1000} s`)));
    const answered = new Promise<IncomingMessage>((done, fail) => {
      outgoing.once("response", done);
      outgoing.once("error", fail);
    });
    const source = call.body?.source;
    // A server may refuse before the body ends: its answer then says more than the broken pipe.
    const sent = pipeline(source ?? Readable.from(body === undefined ? [] : [body]), outgoing).then(
      () => undefined,
      (error: unknown) => error,
    );
    let response: IncomingMessage;
    try {
      response = await answered;
    } catch (error) {
      call.signal?.throwIfAborted();
      throw unreachable(server, error);
    }
    if (call.expected.includes(response.statusCode ?? 0)) {
      const failure = await sent;
      if (failure === undefined) return response;
      response.destroy();
      throw unreachable(server, failure);
    }
    source?.destroy();
    const text = await bytesOf(response, 64 * 1024).then(String, () => "");
    if (source !== undefined) outgoing.destroy();
    throw refusalOf(call, response, text, server, authorization !== undefined);
  }

  return {
    open,
    async send(call) {
      const response = await open(call);
      try {
        const bytes = await bytesOf(response, largestAnswer);
        return { status: response.statusCode ?? 0, headers: response.headers, bytes };
      } catch (error) {
        throw unreachable(server, error);
      }
    },
    close: () => agent.destroy(),
  };
}

async function bytesOf(response: IncomingMessage, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > most) throw new UserError(`the server's answer has more than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** What the reader of a file said of it stays as it is; anything else that ends an exchange is the connection. */
function unreachable(server: URL, cause: unknown): Error {
  if (cause instanceof UserError) return cause;
  const reason =
    cause instanceof AggregateError ? String(cause.errors[0]) : cause instanceof Error ? cause.message : String(cause);
  return new ConnectionError(
    `${server.origin} does not answer: ${reason}`,
    "Is the server running, and is the address right (--server, WAYBILL_SERVER)?",
    { cause },
  );
}

interface Words {
  readonly code?: unknown;
  readonly said?: string;
}

/** What a server said, in either shape: problem+json, or the registry's list of errors. */
function wordsOf(text: string): Words {
  try {
    const { code, detail, errors } = JSON.parse(text) as { code?: unknown; detail?: unknown; errors?: unknown };
    if (typeof detail === "string") return { code, said: detail };
    const [first] = Array.isArray(errors) ? (errors as readonly { code?: unknown; message?: unknown }[]) : [];
    return typeof first?.message === "string" ? { code: first.code, said: first.message } : {};
  } catch {
    return {};
  }
}

/** What long work behind an event stream failed with. */
export function failureOf(problem: unknown): Error {
  const { code, said = "the server does not say why" } = wordsOf(JSON.stringify(problem));
  return code === "PLAN_OVERTAKEN" ? new OvertakenError(said) : new UserError(said);
}

function refusalOf(call: Call, response: IncomingMessage, text: string, server: URL, known: boolean): Error {
  const status = response.statusCode ?? 0;
  const { code, said = `${call.method} ${call.path.split("?")[0]} was answered with ${status}` } = wordsOf(text);
  if (status === 401) {
    const advice = known
      ? "Get a new token: it is wrong, or has expired."
      : "Set WAYBILL_TOKEN, or say with --token-file or --authfile where your credentials are.";
    return new DeniedError(`${server.origin} asks who you are: ${said}`, advice);
  }
  if (status === 403) return new DeniedError(said, "Ask for a token with the roles that this needs.");
  if (status === 404) return new NotFoundError(said);
  if (code === "PLAN_OVERTAKEN") return new OvertakenError(said);
  if (status === 409 && /another request/.test(said)) return new BusyError(said, "Try again in a moment.");
  // The registry's own codes have none for bytes that are damaged: a blob that is unknown, and the server's fault.
  if (status === 500 && (code === "BLOB_DAMAGED" || code === "BLOB_UNKNOWN")) return new UnsoundError(said);
  if (status >= 500) return new UserError(`${server.origin} failed: ${said}`, "Its log says why; try again later.");
  return new UserError(said);
}
