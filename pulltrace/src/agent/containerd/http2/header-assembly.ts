import { errorCode, frameFlag, Http2Error } from "./codes.ts";
import type { Frame } from "./frame.ts";
import { contentOf } from "./payload.ts";

/** A HEADERS frame and the CONTINUATION frames behind it, between which no other frame may come (RFC 9113 section 6.10). */
export class HeaderAssembly {
  readonly streamId: number;
  readonly endStream: boolean;
  complete: boolean;
  private readonly parts: Buffer[];
  private readonly limitBytes: number;
  private bytes: number;

  constructor(headers: Frame, limitBytes: number) {
    const first = contentOf(headers, (headers.flags & frameFlag.priority) !== 0);
    this.streamId = headers.streamId;
    this.endStream = (headers.flags & frameFlag.endStream) !== 0;
    this.complete = (headers.flags & frameFlag.endHeaders) !== 0;
    this.parts = [first];
    this.bytes = first.byteLength;
    this.limitBytes = limitBytes;
    this.refuseTooMuch();
  }

  add(continuation: Frame): void {
    if (continuation.streamId !== this.streamId) {
      throw new Http2Error(errorCode.protocolError, "CONTINUATION of another stream");
    }
    this.parts.push(continuation.payload);
    this.bytes += continuation.payload.byteLength;
    this.complete = (continuation.flags & frameFlag.endHeaders) !== 0;
    this.refuseTooMuch();
  }

  get block(): Buffer {
    return Buffer.concat(this.parts);
  }

  /** Frames without an end, empty ones among them, are an attack (CVE-2024-27316). */
  private refuseTooMuch(): void {
    if (this.bytes > this.limitBytes || this.parts.length > 64) {
      throw new Http2Error(
        errorCode.enhanceYourCalm,
        `a header block of more than ${this.limitBytes} bytes or 64 frames`,
      );
    }
  }
}
