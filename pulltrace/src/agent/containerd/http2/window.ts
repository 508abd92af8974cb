import { errorCode, Http2Error } from "./codes.ts";
import { largestWindow } from "./payload.ts";

/** What we may still send (RFC 9113 section 6.9); below zero after the peer made its initial window smaller. */
export class SendWindow {
  available: number;

  constructor(size: number) {
    this.available = size;
  }

  /** @throws Http2Error FLOW_CONTROL_ERROR beyond 2^31-1 bytes. */
  grow(bytes: number): void {
    this.available += bytes;
    if (this.available > largestWindow)
      throw new Http2Error(errorCode.flowControlError, "a window beyond 2^31-1 bytes");
  }
}

/** What the peer may still send. What it sent is taken out at once, so that half a window is given back at a time. */
export class ReceiveWindow {
  private readonly size: number;
  private taken = 0;

  constructor(size: number) {
    this.size = size;
  }

  /**
   * @returns bytes to give back to the peer now, or 0.
   * @throws Http2Error FLOW_CONTROL_ERROR when it sent more than it was allowed.
   */
  take(bytes: number): number {
    this.taken += bytes;
    if (this.taken > this.size) throw new Http2Error(errorCode.flowControlError, "more data than the window allows");
    if (this.taken * 2 < this.size) return 0;
    const given = this.taken;
    this.taken = 0;
    return given;
  }
}
