import type { BlobLink, BlobState } from "../catalog/index.ts";
import type { Digest } from "../digest/index.ts";
import type { CollectionStep } from "./step.ts";

/** How patient a collection is. Milliseconds. */
export interface Patience {
  /** Between condemning a blob and deleting it. */
  readonly graceMs: number;
  /** How long a repository shows a blob that none of its manifests names, since it was uploaded or mounted there. */
  readonly looseMs: number;
}

export interface BlobDecision {
  readonly steps: readonly CollectionStep[];
  /** Links that go with `unlink-blob`. */
  readonly unlink: readonly BlobLink[];
  readonly change: "none" | "revive" | "condemn" | "delete";
  /** When to look again; undefined: when something changes. */
  readonly next: number | undefined;
}

/**
 * What becomes of a blob under review. A lease keeps it, a manifest that names it keeps it, and so does a young link.
 * Without any of these it is condemned, stays visible for the grace, and is then deleted with its links.
 */
export function decideBlob(digest: Digest, blob: BlobState, now: number, patience: Patience): BlobDecision {
  const condemned = blob.condemnedAt !== undefined;
  const keep = (why: string, next: number | undefined, unlink: readonly BlobLink[] = []): BlobDecision => ({
    steps: [
      ...(condemned ? [{ kind: "revive-blob", digest, sentence: why } as const] : []),
      ...unlink.map(({ repository }) => {
        const sentence = `may go because no manifest of ${repository} names it`;
        return { kind: "unlink-blob", repository, digest, sentence } as const;
      }),
    ],
    unlink,
    change: condemned ? "revive" : "none",
    next,
  });
  if (blob.leasedUntil > now) return keep("kept because somebody was told that it is there", blob.leasedUntil);
  const loose = blob.links.filter((link) => !blob.namedIn.has(link.repositoryId));
  const young = loose.filter((link) => link.since + patience.looseMs > now);
  const grown = young.length === 0 ? undefined : Math.min(...young.map((link) => link.since + patience.looseMs));
  if (blob.namedIn.size > 0) {
    const old = loose.filter((link) => !young.includes(link));
    return keep("kept because a manifest names it", grown, old);
  }
  if (grown !== undefined) return keep("kept because it was uploaded or mounted lately", grown);
  const bytes = blob.size;
  if (blob.condemnedAt === undefined) {
    const sentence = "may go because no manifest names it and nobody was told of it lately";
    const steps = [{ kind: "condemn-blob", digest, bytes, sentence } as const];
    return { steps, unlink: [], change: "condemn", next: now + patience.graceMs };
  }
  const end = blob.condemnedAt + patience.graceMs;
  if (end > now) return { steps: [], unlink: [], change: "none", next: end };
  const sentence = "goes because nobody wanted it while it was condemned";
  return { steps: [{ kind: "delete-blob", digest, bytes, sentence }], unlink: [], change: "delete", next: undefined };
}
