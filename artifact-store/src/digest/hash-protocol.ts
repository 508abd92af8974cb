import type { DigestAlgorithm } from "./digest.ts";

/** What the hashing threads are told. Requests of one id are answered in order; `start` and `drop` have no answer. */
export type HashRequest =
  | { readonly kind: "start"; readonly id: number; readonly algorithm: DigestAlgorithm }
  | { readonly kind: "update"; readonly id: number; readonly chunks: readonly Uint8Array<ArrayBuffer>[] }
  | { readonly kind: "end"; readonly id: number }
  | { readonly kind: "drop"; readonly id: number };

export interface HashReply {
  readonly id: number;
  /** Set in the answer to `end`. */
  readonly hex?: string;
}
