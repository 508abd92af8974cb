/** Slabs are cut from regions of this size, which is also that of the largest. */
const regionBytes = 1024 * 1024;

/** More than any usual traffic needs at once; regions of which nothing is in use go to the garbage collector beyond. */
const keptBytes = 16 * 1024 * 1024;

interface Region {
  readonly memory: SharedArrayBuffer;
  /** The size of each free block, by its offset: both are multiples of the block's size, a power of two. */
  readonly free: Map<number, number>;
}

/**
 * Memory in which bytes gather on their way to disk and hash. It is shared with the hashing thread, so that nothing has to be
 * copied or moved there, and it is used again and again: fresh memory costs a page fault for each 4 KiB, and what is let go
 * stays until the garbage collectors of both threads have come. So all sizes share the same regions, by the buddy method
 * (Knuth, The Art of Computer Programming, volume 1, section 2.5): what a few uploads used in large pieces serves many in small ones.
 */
export class Slabs {
  readonly #regions = new Map<ArrayBufferLike, Region>();

  /** All memory that is held, in use or free. */
  get heldBytes(): number {
    return this.#regions.size * regionBytes;
  }

  /** @param bytes a power of two, 1 MiB at most */
  take(bytes: number): Buffer {
    const [region, offset, size] = this.#smallestFree(bytes) ?? this.#newRegion();
    region.free.delete(offset);
    // The first half is halved again until it fits; each second half stays free.
    for (let half = size / 2; half >= bytes; half /= 2) region.free.set(offset + half, half);
    return Buffer.from(region.memory, offset, bytes);
  }

  /** Nobody reads or writes it any more. */
  give(slab: Buffer): void {
    const region = this.#regions.get(slab.buffer);
    if (region === undefined) throw new Error("a slab was given back to somebody else than it came from");
    let offset = slab.byteOffset;
    let size = slab.byteLength;
    for (; size < regionBytes; size *= 2) {
      const buddy = offset ^ size;
      if (region.free.get(buddy) !== size) break;
      region.free.delete(buddy);
      offset = Math.min(offset, buddy);
    }
    region.free.set(offset, size);
    if (size === regionBytes && this.heldBytes > keptBytes) this.#regions.delete(region.memory);
  }

  /** The smallest that will do: large ones stay whole for whoever needs them. */
  #smallestFree(bytes: number): readonly [Region, offset: number, size: number] | undefined {
    let best: readonly [Region, number, number] | undefined;
    for (const region of this.#regions.values()) {
      for (const [offset, size] of region.free) {
        if (size === bytes) return [region, offset, size];
        if (size > bytes && (best === undefined || size < best[2])) best = [region, offset, size];
      }
    }
    return best;
  }

  #newRegion(): readonly [Region, offset: number, size: number] {
    const region: Region = { memory: new SharedArrayBuffer(regionBytes), free: new Map() };
    this.#regions.set(region.memory, region);
    return [region, 0, regionBytes];
  }
}
