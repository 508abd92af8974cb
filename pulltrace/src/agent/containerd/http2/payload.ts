import { errorCode, frameFlag, Http2Error } from "./codes.ts";
import type { Frame } from "./frame.ts";

/** The largest flow-control window, and the largest increment of one (RFC 9113 section 6.9.1). */
export const largestWindow = 0x7fffffff;

/** The payload of DATA or HEADERS without its padding, and for HEADERS without the priority, which nobody heeds. */
export function contentOf(frame: Frame, hasPriority: boolean): Buffer {
  let { payload } = frame;
  if ((frame.flags & frameFlag.padded) !== 0) {
    const padding = payload[0];
    if (padding === undefined) throw new Http2Error(errorCode.frameSizeError, "a padded frame without a pad length");
    // The length byte is not part of the content either.
    if (padding >= payload.byteLength) throw new Http2Error(errorCode.protocolError, "padding longer than its frame");
    payload = payload.subarray(1, payload.byteLength - padding);
  }
  if (!hasPriority) return payload;
  if (payload.byteLength < 5) throw new Http2Error(errorCode.frameSizeError, "HEADERS too short for their priority");
  return payload.subarray(5);
}

/** Names and values of a SETTINGS frame, in its order; unknown ones too, which are to be ignored. */
export function settingsOf(frame: Frame): [id: number, value: number][] {
  const { payload } = frame;
  if (payload.byteLength % 6 !== 0) throw new Http2Error(errorCode.frameSizeError, "SETTINGS of a broken length");
  const found: [number, number][] = [];
  for (let at = 0; at < payload.byteLength; at += 6)
    found.push([payload.readUInt16BE(at), payload.readUInt32BE(at + 2)]);
  return found;
}

/** The one 32-bit number of RST_STREAM and WINDOW_UPDATE. */
export function numberOf(frame: Frame): number {
  if (frame.payload.byteLength !== 4) throw new Http2Error(errorCode.frameSizeError, "a frame that is not four bytes");
  return frame.payload.readUInt32BE();
}

export function goawayOf(frame: Frame): { lastStreamId: number; code: number } {
  if (frame.payload.byteLength < 8) throw new Http2Error(errorCode.frameSizeError, "GOAWAY is too short");
  return { lastStreamId: frame.payload.readUInt32BE(0) & largestWindow, code: frame.payload.readUInt32BE(4) };
}
