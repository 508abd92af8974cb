import type { DigestAlgorithm } from "./digest.ts";

/** How a digest begins: `native` is Node's own; the other kind can be saved, and goes on from `state` where one is given. */
export type HashStart = { readonly kind: "native" } | { readonly kind: "resumable"; readonly state?: Uint8Array };

/** What the hashing threads are told. Requests of one id are answered in order; `start` and `drop` have no answer. */
export type HashRequest =
  | { readonly kind: "start"; readonly id: number; readonly algorithm: DigestAlgorithm; readonly how: HashStart }
  | { readonly kind: "save"; readonly id: number }
  | { readonly kind: "update"; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: "end"; readonly id: number }
  | { readonly kind: "drop"; readonly id: number };

export interface HashReply {
  readonly id: number;
  /** Set in the answer to `end`. */
  readonly hex?: string;
  /** Set in the answer to `save`. */
  readonly state?: Uint8Array;
  /** Why the digest could not be computed: a state that is none. */
  readonly error?: string;
}
