/** Frame types (RFC 9113 section 6). */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags; one bit means different things on frames of different types. */
export const frameFlag = { none: 0, ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** Settings that a client heeds or announces (RFC 9113 section 6.5.2). */
export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** Error codes (RFC 9113 section 7). */
export const errorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const;

const nameOfCode = new Map<number, string>(Object.entries(errorCode).map(([name, code]) => [code, name]));

/** The code as the specification writes it, such as PROTOCOL_ERROR. */
export function errorName(code: number): string {
  const name = nameOfCode.get(code);
  return name === undefined ? `error ${code}` : name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** The peer broke the protocol or a limit of ours. `code` is what it is told. */
export class Http2Error extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(`${message} (${errorName(code)})`);
    this.name = "Http2Error";
    this.code = code;
  }
}
