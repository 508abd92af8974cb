import { parseDigest, type Digest } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";

/** @throws StoreError DIGEST_INVALID */
export function digestIn(text: string | undefined): Digest {
  const digest = parseDigest(text ?? "");
  if (digest === undefined) {
    throw new StoreError("DIGEST_INVALID", "a digest is sha256: with 64, or sha512: with 128, lower-case hex digits");
  }
  return digest;
}
