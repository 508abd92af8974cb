import type { BlobKey } from "../blobs/index.ts";
import type { Digest } from "../digest/index.ts";
import type { RepositoryName } from "../names/index.ts";

/** One thing that a collection does, and why. Bytes are those that the step gives back or will lead to. */
export type CollectionStep =
  | {
      readonly kind: "expire-package";
      readonly repository: RepositoryName;
      /** Id of an open package. */
      readonly package: string;
      readonly sentence: string;
    }
  | {
      readonly kind: "delete-manifest";
      readonly repository: RepositoryName;
      readonly digest: Digest;
      readonly sentence: string;
    }
  | {
      readonly kind: "unlink-blob";
      readonly repository: RepositoryName;
      readonly digest: Digest;
      readonly sentence: string;
    }
  | { readonly kind: "revive-blob"; readonly digest: Digest; readonly sentence: string }
  | { readonly kind: "condemn-blob"; readonly digest: Digest; readonly bytes: number; readonly sentence: string }
  | { readonly kind: "delete-blob"; readonly digest: Digest; readonly bytes: number; readonly sentence: string }
  | { readonly kind: "remove-bytes"; readonly key: BlobKey; readonly bytes: number; readonly sentence: string };

/** What a step is about, as one would name it. */
export function targetOfStep(step: CollectionStep): string {
  if ("key" in step) return step.key;
  if ("package" in step) return `${step.repository} ${step.package}`;
  return "repository" in step ? `${step.repository}@${step.digest}` : step.digest;
}

/** What a collection that runs now does, if nothing changes meanwhile. */
export interface CollectionPlan {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly steps: readonly CollectionStep[];
  /** Given back by this run. */
  readonly bytesFreed: number;
  /** Condemned by this run, and given back after the grace unless somebody wants them. */
  readonly bytesCondemned: number;
}

export function planOf(at: number, steps: readonly CollectionStep[]): CollectionPlan {
  const bytesOf = (kind: "remove-bytes" | "condemn-blob" | "delete-blob"): number =>
    steps.reduce((sum, step) => (step.kind === kind ? sum + step.bytes : sum), 0);
  return {
    at,
    steps,
    bytesFreed: bytesOf("remove-bytes"),
    bytesCondemned: Math.max(0, bytesOf("condemn-blob") - bytesOf("delete-blob")),
  };
}
