import type { Readable } from "node:stream";

/**
 * A stream's chunks exactly as they came off the socket. Node's own iterator joins chunks that wait into new ones, and the
 * old ones then lie around until the garbage collector comes: with many large bodies at once, hundreds of megabytes.
 * Iterate once. Whoever stops before the end leaves the rest of the stream unread and the stream open.
 */
export function incomingChunks(stream: Readable): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => iterate(stream) };
}

function iterate(stream: Readable): AsyncIterator<Uint8Array> {
  const waiting: Uint8Array[] = [];
  let over: { readonly error?: Error } | undefined;
  let wake: (() => void) | undefined;

  const onData = (chunk: Uint8Array): void => {
    waiting.push(chunk);
    // Nobody waits for it: the stream's own buffer, which has a bound, is where the next ones stay.
    if (wake === undefined) stream.pause();
    else wake();
  };
  const end = (how: { readonly error?: Error }): void => {
    over ??= how;
    wake?.();
  };
  const onEnd = (): void => end({});
  const onError = (error: Error): void => end({ error });
  const onClose = (): void => end({ error: new Error("the connection closed in the middle of the body") });

  function detach(): void {
    stream.off("data", onData).off("end", onEnd).off("close", onClose);
    stream.pause();
  }

  stream.on("data", onData).on("end", onEnd).on("error", onError).on("close", onClose);
  // A stream that had ended or broken before anybody listened tells it to nobody.
  if (stream.errored) onError(stream.errored);
  else if (stream.readableEnded) onEnd();
  else if (stream.destroyed) onClose();

  return {
    async next() {
      for (;;) {
        const chunk = waiting.shift();
        if (chunk !== undefined) {
          return { done: false, value: chunk };
        }
        if (over?.error !== undefined) throw over.error;
        if (over !== undefined) return { done: true, value: undefined };
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = () => {
          wake = undefined;
          resolve();
        };
        stream.resume();
        await promise;
      }
    },
    return() {
      over ??= {};
      waiting.length = 0;
      detach();
      return Promise.resolve({ done: true, value: undefined });
    },
  };
}
