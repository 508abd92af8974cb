import { createCipheriv, createHash } from "node:crypto";

const zeros = Buffer.alloc(256 * 1024);

/**
 * `length` bytes that no compressor shrinks, the same for the same seed: the key stream of AES-128 in counter mode.
 * Yields chunks of at most 256 KiB.
 */
export function* noise(seed: string, length: number): Generator<Buffer> {
  const key = createHash("sha256").update(seed).digest();
  const cipher = createCipheriv("aes-128-ctr", key.subarray(0, 16), key.subarray(16, 32));
  for (let left = length; left > 0; left -= zeros.length) {
    yield cipher.update(left < zeros.length ? zeros.subarray(0, left) : zeros);
  }
}
