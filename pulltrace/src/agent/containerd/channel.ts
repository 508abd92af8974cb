import { createConnection } from "node:net";
import {
  connect,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
} from "node:http2";
import {
  create,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { encodeFrame, FrameReader } from "./frames.ts";
import { GrpcError, grpcCode } from "./grpc-error.ts";

/** containerd's own default for the largest message. */
const messageLimitBytes = 16 * 1024 * 1024;
const firstBackOffMs = 100;
const longestBackOffMs = 5_000;

export interface CallOptions {
  /** containerd namespace; calls that are not namespaced leave it out. */
  readonly namespace?: string;
  /** The whole call ends with DEADLINE_EXCEEDED after so long. */
  readonly deadlineMs: number;
}

/**
 * gRPC over one HTTP/2 session on a unix socket: unary calls and server streams, which is all that the agent needs
 * (a gRPC library costs 10 MiB of resident memory). The session opens with the first call and again after it was
 * lost; while the socket is away, calls fail at once with UNAVAILABLE and a new attempt is made at most every 5 s.
 */
export interface GrpcChannel {
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions,
  ): Promise<MessageShape<O>>;
  /** All messages of the stream, at most `limitMessages` (RESOURCE_EXHAUSTED beyond). */
  collect<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions & { readonly limitMessages: number },
  ): Promise<MessageShape<O>[]>;
  close(): void;
}

export interface ChannelOptions {
  readonly socketPath: string;
  readonly now?: () => number;
  readonly random?: () => number;
}

export function openChannel(options: ChannelOptions): GrpcChannel {
  return new Channel(options);
}

class Channel implements GrpcChannel {
  private readonly socketPath: string;
  private readonly now: () => number;
  private readonly random: () => number;
  private session: ClientHttp2Session | undefined;
  private failures = 0;
  private nextAttemptAt = 0;
  private closed = false;

  constructor(options: ChannelOptions) {
    this.socketPath = options.socketPath;
    this.now = options.now ?? Date.now;
    this.random = options.random ?? Math.random;
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions,
  ): Promise<MessageShape<O>> {
    const [message] = await this.call(method, request, { ...options, limitMessages: 1 });
    if (message === undefined) throw new GrpcError(grpcCode.internal, `${method.name} was answered without a message`);
    return message;
  }

  collect<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions & { readonly limitMessages: number },
  ): Promise<MessageShape<O>[]> {
    return this.call(method, request, options);
  }

  close(): void {
    this.closed = true;
    this.session?.destroy();
    this.session = undefined;
  }

  private async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O> | DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions & { readonly limitMessages: number },
  ): Promise<MessageShape<O>[]> {
    const session = this.openSession();
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: `/${method.parent.typeName}/${method.name}`,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc+proto",
      [constants.HTTP2_HEADER_TE]: "trailers",
      "grpc-timeout": `${Math.max(1, Math.round(options.deadlineMs))}m`,
      ...(options.namespace === undefined ? {} : { "containerd-namespace": options.namespace }),
    });
    stream.end(encodeFrame(toBinary(method.input, create(method.input, request))));
    const answers = await receive(stream, options, method.name);
    return answers.map((bytes) => fromBinary(method.output, bytes));
  }

  private openSession(): ClientHttp2Session {
    if (this.closed) throw new GrpcError(grpcCode.cancelled, "the channel is closed");
    if (this.session !== undefined && !this.session.closed && !this.session.destroyed) return this.session;
    if (this.now() < this.nextAttemptAt) {
      throw new GrpcError(grpcCode.unavailable, `containerd does not answer at ${this.socketPath}`);
    }
    const session = connect("http://containerd", {
      createConnection: () => createConnection({ path: this.socketPath }),
    });
    this.session = session;
    session.once("connect", () => {
      this.failures = 0;
    });
    // The calls that run on the session end with its error; without a listener the process would.
    session.on("error", () => this.lost(session));
    session.on("goaway", () => this.lost(session));
    session.once("close", () => this.lost(session));
    return session;
  }

  private lost(session: ClientHttp2Session): void {
    if (this.session !== session) return;
    this.session = undefined;
    this.failures += 1;
    const longest = Math.min(longestBackOffMs, firstBackOffMs * 2 ** Math.min(this.failures, 10));
    this.nextAttemptAt = this.now() + longest * (0.5 + this.random() / 2);
  }
}

/** Waits for the trailers; resolves with the messages, rejects with a GrpcError. */
function receive(
  stream: ClientHttp2Stream,
  options: CallOptions & { readonly limitMessages: number },
  name: string,
): Promise<Uint8Array[]> {
  return new Promise((resolve, reject) => {
    const reader = new FrameReader(messageLimitBytes);
    const messages: Uint8Array[] = [];
    let trailers: IncomingHttpHeaders | undefined;
    const timer = setTimeout(
      () => fail(new GrpcError(grpcCode.deadlineExceeded, `${name} took longer than ${options.deadlineMs} ms`)),
      options.deadlineMs,
    );
    const fail = (error: unknown) => {
      clearTimeout(timer);
      reject(asGrpcError(error, name));
      stream.close(constants.NGHTTP2_CANCEL);
    };
    stream.on("response", (headers) => {
      // An answer without a body carries its status in the headers ("Trailers-Only").
      if (headers["grpc-status"] !== undefined) trailers = headers;
      const status = headers[":status"];
      if (status !== 200) fail(new GrpcError(grpcCode.unavailable, `${name} was answered with HTTP status ${status}`));
    });
    stream.on("trailers", (headers) => {
      trailers = headers;
    });
    stream.on("data", (chunk: Uint8Array) => {
      try {
        messages.push(...reader.push(chunk));
        if (messages.length > options.limitMessages) {
          fail(new GrpcError(grpcCode.resourceExhausted, `${name} sent more than ${options.limitMessages} messages`));
        }
      } catch (error) {
        fail(error);
      }
    });
    stream.on("error", fail);
    stream.once("close", () => {
      const status = statusOf(trailers);
      if (status.code !== grpcCode.ok) fail(new GrpcError(status.code, `${name}: ${status.message}`));
      else if (!reader.empty) fail(new GrpcError(grpcCode.internal, `${name} broke off within a message`));
      else {
        clearTimeout(timer);
        resolve(messages);
      }
    });
  });
}

function statusOf(trailers: IncomingHttpHeaders | undefined): { code: number; message: string } {
  const code = trailers?.["grpc-status"];
  if (typeof code !== "string" || !/^\d{1,3}$/.test(code)) {
    return { code: grpcCode.unavailable, message: "the connection to containerd ended before the answer was complete" };
  }
  const message = trailers?.["grpc-message"];
  return { code: Number(code), message: typeof message === "string" ? percentDecoded(message) : "" };
}

/** `grpc-message` is percent-encoded UTF-8. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function asGrpcError(error: unknown, name: string): GrpcError {
  if (error instanceof GrpcError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new GrpcError(grpcCode.unavailable, `${name}: ${reason}`, { cause: error });
}
