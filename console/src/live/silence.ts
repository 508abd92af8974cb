import { streamHeartbeatMs } from "@waybill/pulltrace/contract";

/**
 * Nothing for so long (ms), and a line is taken for dead. When a pod, a node or a cable goes, often nobody is left to
 * say so: the browser itself would wait for minutes, also for a connection that is still being opened.
 */
export const longestSilenceMs: number = 4 * streamHeartbeatMs;

export interface SilenceWatch {
  /** Aborts when `signal` does, or when nothing was heard for too long. */
  readonly signal: AbortSignal;
  /** Nothing was heard for too long. */
  readonly tooLong: () => boolean;
  /** Something came. */
  heard(): void;
  /** Nothing more is awaited. */
  end(): void;
}

export function watchSilence(signal: AbortSignal, longestMs: number): SilenceWatch {
  const silence = new AbortController();
  let expired = false;
  const expire = (): void => {
    expired = true;
    silence.abort();
  };
  let timer = setTimeout(expire, longestMs);
  return {
    signal: AbortSignal.any([signal, silence.signal]),
    tooLong: () => expired,
    heard() {
      clearTimeout(timer);
      timer = setTimeout(expire, longestMs);
    },
    end() {
      clearTimeout(timer);
      silence.abort();
    },
  };
}
