/** More than any usual traffic needs at once; what is given back beyond goes to the garbage collector. */
const keptBytes = 16 * 1024 * 1024;

/**
 * Memory in which bytes gather on their way to disk and hash. It is shared with the hashing thread, so that nothing has to be
 * copied or moved there, and it is used again and again: fresh memory costs a page fault for each 4 KiB.
 */
export class Slabs {
  readonly #free = new Map<number, Buffer[]>();
  #freeBytes = 0;

  /** @param bytes one of a few sizes, of which each has its own free ones */
  take(bytes: number): Buffer {
    const slab = this.#free.get(bytes)?.pop();
    if (slab === undefined) return Buffer.from(new SharedArrayBuffer(bytes));
    this.#freeBytes -= bytes;
    return slab;
  }

  /** Nobody reads or writes it any more. */
  give(slab: Buffer): void {
    const bytes = slab.byteLength;
    if (this.#freeBytes + bytes > keptBytes) return;
    const free = this.#free.get(bytes);
    if (free === undefined) this.#free.set(bytes, [slab]);
    else free.push(slab);
    this.#freeBytes += bytes;
  }
}
