import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Connection, Credentials } from "./connection.ts";
import { KubernetesError } from "./kubernetes-error.ts";
import { adviceFor, answerError, type StatusBody } from "./answer-error.ts";

export interface ApiCall {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path with a slash in front. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
  /** For errors: `list pods`. */
  readonly what: string;
  readonly signal?: AbortSignal;
  /** Milliseconds for the whole answer of `json`, and for the head of a stream. */
  readonly timeoutMs?: number;
  /** Largest answer in bytes. */
  readonly mostBytes?: number;
}

/** Sends calls to one API server. */
export interface Transport {
  /** The answer's JSON. Throws KubernetesError for every answer that is not 2xx. */
  json(call: ApiCall): Promise<unknown>;
  /** The body of a 2xx answer, for a watch: it has no deadline of its own. */
  stream(call: ApiCall): Promise<IncomingMessage>;
  close(): void;
}

const defaultTimeoutMs = 30_000;
const defaultMostBytes = 64 * 1024 * 1024;
const mostErrorBytes = 64 * 1024;

const certificateFaults =
  /^(CERT_|DEPTH_ZERO_|SELF_SIGNED|UNABLE_TO_|ERR_TLS_CERT|ERR_OSSL|ERR_SSL|INVALID_CA|HOSTNAME_)/;

export function createTransport(connection: Connection): Transport {
  const secure = connection.server.startsWith("https:");
  // A peer that died without a word is noticed by the system's probes, while an idle one is left alone.
  const agentOptions = { keepAlive: true, keepAliveMsecs: 15_000, maxFreeSockets: 4 };
  const agent = secure ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
  const running = new Set<ClientRequest>();

  const start = (call: ApiCall, credentials: Credentials, body: Buffer | undefined): ClientRequest => {
    const url = new URL(connection.server + call.path);
    for (const [name, value] of Object.entries(call.query ?? {}))
      if (value !== undefined) url.searchParams.set(name, String(value));
    const options = {
      agent,
      method: call.method,
      headers: {
        accept: "application/json",
        "user-agent": "waybill",
        // Node sends no length with DELETE by itself, and the server would take the body for a second request.
        ...(body === undefined
          ? {}
          : { "content-type": call.contentType ?? "application/json", "content-length": body.length }),
        ...(credentials.token === undefined ? {} : { authorization: `Bearer ${credentials.token}` }),
      },
    };
    if (!secure) return httpRequest(url, options);
    return httpsRequest(url, {
      ...options,
      minVersion: "TLSv1.2",
      ...(connection.serverName === undefined ? {} : { servername: connection.serverName }),
      ...(credentials.certificateAuthority === undefined ? {} : { ca: credentials.certificateAuthority }),
      ...(credentials.clientCertificate === undefined ? {} : { cert: credentials.clientCertificate }),
      ...(credentials.clientKey === undefined ? {} : { key: credentials.clientKey }),
    });
  };

  const once = (call: ApiCall, credentials: Credentials, signal: AbortSignal): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
      const request = start(call, credentials, body);
      running.add(request);
      const abort = (): void => {
        request.destroy(signal.reason instanceof Error ? signal.reason : new Error("given up"));
      };
      signal.addEventListener("abort", abort, { once: true });
      request.once("close", () => {
        running.delete(request);
        signal.removeEventListener("abort", abort);
      });
      request.once("response", resolve);
      request.on("error", (error: NodeJS.ErrnoException) => {
        // The server closed a kept connection while our request was on its way: nothing was done yet.
        const stale = request.reusedSocket && error.code === "ECONNRESET" && call.method === "GET";
        if (stale && !signal.aborted) resolve(once(call, credentials, signal));
        else reject(error);
      });
      request.end(body);
    });

  /** The head of the answer; a refused token is read anew once, since it may just have been replaced. */
  const answer = async (call: ApiCall, signal: AbortSignal): Promise<IncomingMessage> => {
    const credentials = await connection.credentials();
    const response = await once(call, credentials, signal);
    if (response.statusCode !== 401) return response;
    const fresh = await connection.credentials({ fresh: true });
    if (fresh.token === credentials.token) return response;
    response.destroy();
    return once(call, fresh, signal);
  };

  const withDeadline = async <T>(
    call: ApiCall,
    work: (signal: AbortSignal, relax: () => void) => Promise<T>,
  ): Promise<T> => {
    const deadline = new AbortController();
    const timeoutMs = call.timeoutMs ?? defaultTimeoutMs;
    const timer = setTimeout(() => deadline.abort(new Error("deadline")), timeoutMs);
    const relax = (): void => clearTimeout(timer);
    const signal = call.signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, call.signal]);
    try {
      return await work(signal, relax);
    } catch (error) {
      if (error instanceof KubernetesError || call.signal?.aborted === true) throw error;
      throw connectionError(call, connection.server, error, deadline.signal.aborted ? timeoutMs : undefined);
    } finally {
      relax();
    }
  };

  const checked = async (call: ApiCall, response: IncomingMessage): Promise<IncomingMessage> => {
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    const text = await textOf(response, mostErrorBytes).catch(() => "");
    throw answerError(call.what, { status, retryAfter: response.headers["retry-after"], body: statusIn(text) });
  };

  return {
    json: (call) =>
      withDeadline(call, async (signal) => {
        const response = await checked(call, await answer(call, signal));
        const text = await textOf(response, call.mostBytes ?? defaultMostBytes);
        try {
          return JSON.parse(text) as unknown;
        } catch (error) {
          throw badAnswer(call, "no JSON came back", error);
        }
      }),
    stream: (call) =>
      withDeadline(call, async (signal, relax) => {
        const response = await checked(call, await answer(call, signal));
        relax();
        return response;
      }),
    close() {
      for (const request of running) request.destroy(new Error("closed"));
      agent.destroy();
    },
  };
}

/** Whole text of an answer; more than `most` bytes are not read. */
async function textOf(response: IncomingMessage, most: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > most) {
      response.destroy();
      throw new KubernetesError({
        code: "BAD_ANSWER",
        message: `The API server's answer is larger than ${most} bytes`,
        advice: "Ask for fewer objects at a time, or for one namespace.",
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** What stands in an error's body; a proxy's page is no Status. */
function statusIn(text: string): StatusBody {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null ? (body as StatusBody) : {};
  } catch {
    return {};
  }
}

export function badAnswer(call: Pick<ApiCall, "what">, fault: string, cause?: unknown): KubernetesError {
  return new KubernetesError({
    code: "BAD_ANSWER",
    message: `${call.what}: ${fault}`,
    advice: adviceFor("BAD_ANSWER", ""),
    ...(cause === undefined ? {} : { cause }),
  });
}

function connectionError(
  call: ApiCall,
  server: string,
  error: unknown,
  timeoutMs: number | undefined,
): KubernetesError {
  const fault = error instanceof Error ? error : new Error(String(error));
  const errno = (fault as NodeJS.ErrnoException).code ?? "";
  const code = timeoutMs !== undefined ? "TIMEOUT" : certificateFaults.test(errno) ? "CERTIFICATE" : "UNREACHABLE";
  const said = timeoutMs === undefined ? fault.message || errno : `no answer within ${timeoutMs} ms`;
  return new KubernetesError({
    code,
    message: `${call.what}: ${server}: ${said}`,
    advice: adviceFor(code, ""),
    cause: error,
  });
}
