import { createConnection } from "node:net";
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
import { connectHttp2, type HeaderField, type Http2Connection } from "./http2/index.ts";

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
 * gRPC over one HTTP/2 connection on a unix socket: unary calls and server streams, which is all that the agent needs
 * (a gRPC library costs 10 MiB of resident memory, node:http2 five). The connection opens with the first call and again after it was
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
  private connection: Http2Connection | undefined;
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
    const connection = this.connection;
    this.connection = undefined;
    connection?.destroy();
  }

  private async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O> | DescMethodServerStreaming<I, O>,
    message: MessageInitShape<I>,
    options: CallOptions & { readonly limitMessages: number },
  ): Promise<MessageShape<O>[]> {
    const connection = this.openConnection();
    const request: HeaderField[] = [
      [":method", "POST"],
      [":scheme", "http"],
      [":authority", "containerd"],
      [":path", `/${method.parent.typeName}/${method.name}`],
      ["content-type", "application/grpc+proto"],
      ["te", "trailers"],
      ["grpc-timeout", `${Math.max(1, Math.round(options.deadlineMs))}m`],
    ];
    if (options.namespace !== undefined) request.push(["containerd-namespace", options.namespace]);
    const body = encodeFrame(toBinary(method.input, create(method.input, message)));
    const answers = await exchange(connection, request, body, options, method.name);
    return answers.map((bytes) => fromBinary(method.output, bytes));
  }

  private openConnection(): Http2Connection {
    if (this.closed) throw new GrpcError(grpcCode.cancelled, "the channel is closed");
    if (this.connection !== undefined) return this.connection;
    if (this.now() < this.nextAttemptAt) {
      throw new GrpcError(grpcCode.unavailable, `containerd does not answer at ${this.socketPath}`);
    }
    const connection = connectHttp2(createConnection({ path: this.socketPath }), {
      ready: () => {
        this.failures = 0;
      },
      lost: () => this.lost(connection),
    });
    this.connection = connection;
    return connection;
  }

  private lost(connection: Http2Connection): void {
    if (this.connection !== connection) return;
    this.connection = undefined;
    this.failures += 1;
    const longest = Math.min(longestBackOffMs, firstBackOffMs * 2 ** Math.min(this.failures, 10));
    this.nextAttemptAt = this.now() + longest * (0.5 + this.random() / 2);
  }
}

/** Sends a request and waits for its trailers; resolves with the messages, rejects with a GrpcError. */
function exchange(
  connection: Http2Connection,
  request: readonly HeaderField[],
  body: Uint8Array,
  options: CallOptions & { readonly limitMessages: number },
  name: string,
): Promise<Uint8Array[]> {
  return new Promise((resolve, reject) => {
    const reader = new FrameReader(messageLimitBytes);
    const messages: Uint8Array[] = [];
    // An answer without a body carries its status in the headers ("Trailers-Only").
    let trailers: ReadonlyMap<string, string> | undefined;
    const settle = (error: unknown) => {
      clearTimeout(timer);
      if (error === undefined) resolve(messages);
      else reject(asGrpcError(error, name));
    };
    const fail = (error: unknown) => {
      sent.cancel();
      settle(error);
    };
    const sent = connection.request(request, body, {
      fields(fields) {
        if (fields.get("grpc-status") !== undefined) trailers = fields;
        const status = fields.get(":status") ?? "200";
        if (status !== "200") {
          fail(new GrpcError(grpcCode.unavailable, `${name} was answered with HTTP status ${status}`));
        }
      },
      data(part) {
        try {
          messages.push(...reader.push(part));
          if (messages.length > options.limitMessages) {
            fail(new GrpcError(grpcCode.resourceExhausted, `${name} sent more than ${options.limitMessages} messages`));
          }
        } catch (error) {
          fail(error);
        }
      },
      end(error) {
        const status = statusOf(trailers);
        if (error !== undefined) settle(error);
        else if (status.code !== grpcCode.ok) settle(new GrpcError(status.code, `${name}: ${status.message}`));
        else if (!reader.empty) settle(new GrpcError(grpcCode.internal, `${name} broke off within a message`));
        else settle(undefined);
      },
    });
    // The answer comes in a later turn of the event loop, never before this.
    const timer = setTimeout(
      () => fail(new GrpcError(grpcCode.deadlineExceeded, `${name} took longer than ${options.deadlineMs} ms`)),
      options.deadlineMs,
    );
  });
}

function statusOf(trailers: ReadonlyMap<string, string> | undefined): { code: number; message: string } {
  const code = trailers?.get("grpc-status");
  if (code === undefined || !/^\d{1,3}$/.test(code)) {
    return { code: grpcCode.unavailable, message: "the connection to containerd ended before the answer was complete" };
  }
  return { code: Number(code), message: percentDecoded(trailers?.get("grpc-message") ?? "") };
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
