import { GrpcError, grpcCode } from "./grpc-error.ts";

/**
 * gRPC's length-prefixed messages (gRPC over HTTP/2, "Length-Prefixed-Message"): one byte that says whether the
 * message is compressed, four bytes of length, then the message.
 */
const prefixBytes = 5;

export function encodeFrame(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(prefixBytes + message.byteLength);
  new DataView(frame.buffer).setUint32(1, message.byteLength);
  frame.set(message, prefixBytes);
  return frame;
}

/**
 * Cuts a byte stream into messages, however the transport sliced it. Throws GrpcError RESOURCE_EXHAUSTED on a message
 * beyond `limitBytes` and UNIMPLEMENTED on a compressed one (the agent asks for none).
 */
export class FrameReader {
  private readonly limitBytes: number;
  private chunks: Uint8Array[] = [];
  private buffered = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** The messages that became whole with this chunk, in order. */
  push(chunk: Uint8Array): Uint8Array[] {
    this.chunks.push(chunk);
    this.buffered += chunk.byteLength;
    const messages: Uint8Array[] = [];
    while (this.buffered >= prefixBytes) {
      const prefix = this.peek(prefixBytes);
      const length = new DataView(prefix.buffer, prefix.byteOffset).getUint32(1);
      if (prefix[0] !== 0) throw new GrpcError(grpcCode.unimplemented, "containerd sent a compressed message");
      if (length > this.limitBytes) {
        throw new GrpcError(
          grpcCode.resourceExhausted,
          `containerd sent a message of ${length} bytes, the limit is ${this.limitBytes}`,
        );
      }
      if (this.buffered < prefixBytes + length) break;
      messages.push(this.take(prefixBytes + length).subarray(prefixBytes));
    }
    return messages;
  }

  /** True when no message is half read. */
  get empty(): boolean {
    return this.buffered === 0;
  }

  private peek(count: number): Uint8Array {
    const first = this.chunks[0];
    if (first !== undefined && first.byteLength >= count) return first;
    const whole = Buffer.concat(this.chunks);
    this.chunks = [whole];
    return whole;
  }

  private take(count: number): Uint8Array {
    const whole = this.peek(count);
    const taken = whole.subarray(0, count);
    this.chunks[0] = whole.subarray(count);
    if (whole.byteLength === count) this.chunks.shift();
    this.buffered -= count;
    return taken;
  }
}
