import { errorCode, Http2Error } from "./codes.ts";

/** RFC 9113 section 4.1: 24 bits of length, type, flags, 31 bits of stream, then the payload. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  /** 0 is the connection itself. */
  readonly streamId: number;
  readonly payload: Buffer;
}

const headBytes = 9;

export function encodeFrame(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(headBytes + payload.byteLength);
  bytes.writeUIntBE(payload.byteLength, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(streamId, 5);
  bytes.set(payload, headBytes);
  return bytes;
}

/** Four bytes, as RST_STREAM and WINDOW_UPDATE carry them. */
export function encodeUint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Settings in the form of their frame: 16 bits of name, 32 bits of value each. */
export function encodeSettings(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const bytes = Buffer.allocUnsafe(settings.length * 6);
  for (const [index, [id, value]] of settings.entries()) {
    bytes.writeUInt16BE(id, index * 6);
    bytes.writeUInt32BE(value, index * 6 + 2);
  }
  return bytes;
}

/** Cuts what arrives into frames, however the socket sliced it. */
export class FrameCutter {
  private readonly largestPayload: number;
  private chunks: Buffer[] = [];
  private buffered = 0;

  /** @param largestPayload bytes; what we announced as SETTINGS_MAX_FRAME_SIZE */
  constructor(largestPayload: number) {
    this.largestPayload = largestPayload;
  }

  push(chunk: Buffer): void {
    if (chunk.byteLength === 0) return;
    this.chunks.push(chunk);
    this.buffered += chunk.byteLength;
  }

  /**
   * The next whole frame, if it is there. Its payload is a view of what was pushed.
   * @throws Http2Error FRAME_SIZE_ERROR as soon as a length beyond the limit is seen, before its bytes are taken in.
   */
  next(): Frame | undefined {
    if (this.buffered < headBytes) return undefined;
    const head = this.front(headBytes);
    const length = head.readUIntBE(0, 3);
    if (length > this.largestPayload) {
      throw new Http2Error(errorCode.frameSizeError, `a frame of ${length} bytes, the limit is ${this.largestPayload}`);
    }
    const whole = headBytes + length;
    if (this.buffered < whole) return undefined;
    const bytes = this.front(whole);
    this.chunks[0] = bytes.subarray(whole);
    if (bytes.byteLength === whole) this.chunks.shift();
    this.buffered -= whole;
    return {
      type: bytes.readUInt8(3),
      flags: bytes.readUInt8(4),
      // The first bit is reserved, and ignored.
      streamId: bytes.readUInt32BE(5) & 0x7fffffff,
      payload: bytes.subarray(headBytes, whole),
    };
  }

  /** A buffer that begins with the next `count` bytes: joined only when they lie in several. */
  private front(count: number): Buffer {
    const first = this.chunks[0];
    if (first !== undefined && first.byteLength >= count) return first;
    const whole = Buffer.concat(this.chunks);
    this.chunks = [whole];
    return whole;
  }
}
