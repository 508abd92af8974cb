/**
 * Frees the memory of a chunk now, and not when the garbage collector comes: by then a fast stream has left behind tens of
 * megabytes, which the process hardly ever gives back. For who is the last to use the chunk; it is empty afterwards.
 */
export function release(chunk: Uint8Array): void {
  const { buffer } = chunk;
  // A slice of a shared buffer (Node's Buffer pool) stays: its neighbours would lose their bytes.
  if (buffer instanceof ArrayBuffer && buffer.byteLength === chunk.byteLength) buffer.transfer(0);
}
