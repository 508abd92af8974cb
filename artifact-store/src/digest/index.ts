/**
 * Digests: the names of bytes. `parseDigest` is the only way from text to a `Digest`, so whatever holds one holds a
 * well-formed name that is safe in a path. `HashPool` hashes streams: small ones where they are, large ones on threads
 * that get the buffers themselves, not copies, so that the thread that serves sockets is free. A resumable one is slower, and its state can be saved: for uploads whose
 * bytes cannot be read again before they are complete.
 */
export {
  algorithmOf,
  digestOf,
  digestAlgorithms,
  hexOf,
  parseDigest,
  type Digest,
  type DigestAlgorithm,
} from "./digest.ts";
export { HashPool, type Hasher, type ResumableHasher, type SavedHash } from "./hash-pool.ts";
