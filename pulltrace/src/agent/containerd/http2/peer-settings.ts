import { errorCode, Http2Error, setting } from "./codes.ts";
import { largestWindow } from "./payload.ts";

/** What the peer lets us do (RFC 9113 section 6.5.2). */
export class PeerSettings {
  /** Whether they came. */
  known = false;
  /** None before we know them: a peer refuses the requests beyond its limit. */
  maxConcurrentStreams = 0;
  initialWindowSize = 65_535;
  maxFrameSize = 16_384;

  /** @throws Http2Error for a value that is not allowed. */
  take(settings: readonly (readonly [id: number, value: number])[]): void {
    if (!this.known) this.maxConcurrentStreams = Number.POSITIVE_INFINITY;
    this.known = true;
    for (const [id, value] of settings) {
      if (id === setting.maxConcurrentStreams) this.maxConcurrentStreams = value;
      if (id === setting.initialWindowSize) {
        if (value > largestWindow) throw new Http2Error(errorCode.flowControlError, `a window of ${value} bytes`);
        this.initialWindowSize = value;
      }
      if (id === setting.maxFrameSize) {
        if (value < 16_384 || value > 0xffffff) {
          throw new Http2Error(errorCode.protocolError, `frames of at most ${value} bytes`);
        }
        this.maxFrameSize = value;
      }
      if (id === setting.enablePush && value !== 0) {
        throw new Http2Error(errorCode.protocolError, "a server that asks to be pushed to");
      }
    }
  }
}
