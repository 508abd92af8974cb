import type { BlobKey } from "../blobs/index.ts";
import { markDamaged, type Commits } from "../catalog/index.ts";
import type { Digest } from "../digest/index.ts";

/** A blob whose bytes a reading found not to be right, when that was written down. */
export interface BlobDamage {
  readonly digest: Digest;
  /** What was found. For people. */
  readonly detail: string;
}

/** One reading of a blob's bytes, from before they are opened until it is known whether they are right. */
export interface Reading {
  readonly digest: Digest;
  readonly key: BlobKey;
  /** Whether the bytes were written anew since it began. */
  isOvertaken: boolean;
}

/**
 * Marks blobs whose bytes are not right: from then on nobody is promised them, so that whoever has them pushes them, and
 * with those bytes the mark goes (`recordBlob`). References to a marked blob stay, and so do its bytes.
 *
 * A race: a reading finds damage, a push heals it in the same place, the reading marks what is right now. So a push tells
 * here (`overtake`) when its bytes lie there and before its commit. A mark that is made before that is taken away by that
 * commit, since commits run one after another; after it there is none.
 */
export class Quarantine {
  readonly #commits: Commits;
  readonly #isReachable: () => Promise<boolean>;
  readonly #onDamage: (damage: BlobDamage) => void;
  readonly #onHealed: (digest: Digest) => void;
  readonly #onError: (error: unknown) => void;
  readonly #now: () => number;
  readonly #readings = new Map<Digest, Set<Reading>>();

  constructor(parts: {
    readonly commits: Commits;
    /** Whether the place of the bytes is really there: a folder that is not mounted has no blob either. */
    readonly isReachable: () => Promise<boolean>;
    /** Told once of each blob that is marked, after the commit. */
    readonly onDamage: (damage: BlobDamage) => void;
    /** Told once of each mark that a push took away, after the commit. */
    readonly onHealed: (digest: Digest) => void;
    /** Told of a mark that could not be made; the next reading tries again. */
    readonly onError: (error: unknown) => void;
    readonly now: () => number;
  }) {
    this.#commits = parts.commits;
    this.#isReachable = parts.isReachable;
    this.#onDamage = parts.onDamage;
    this.#onHealed = parts.onHealed;
    this.#onError = parts.onError;
    this.#now = parts.now;
  }

  /** Call it before the bytes are opened, and `end` when the reading is over. */
  begin(digest: Digest, key: BlobKey): Reading {
    const reading = { digest, key, isOvertaken: false };
    const others = this.#readings.get(digest);
    if (others === undefined) this.#readings.set(digest, new Set([reading]));
    else others.add(reading);
    return reading;
  }

  /** Twice is harmless. */
  end(reading: Reading): void {
    const readings = this.#readings.get(reading.digest);
    readings?.delete(reading);
    if (readings?.size === 0) this.#readings.delete(reading.digest);
  }

  /** A push has put bytes of this digest in place, and is about to commit. */
  overtake(digest: Digest): void {
    for (const reading of this.#readings.get(digest) ?? []) reading.isOvertaken = true;
  }

  /** The commit of a push has taken the mark away. */
  released(digest: Digest): void {
    this.#onHealed(digest);
  }

  /**
   * Marks the blob, when it resolves. Never rejects: the reader is to hear of the damage in any case.
   * @param found whether there were other bytes, or none
   */
  async mark(reading: Reading, detail: string, found: "other" | "none" = "other"): Promise<void> {
    const { digest } = reading;
    try {
      if (found === "none" && !(await this.#isReachable())) return;
      const marked = await this.#commits.commit(async (tx, tell) => {
        if (reading.isOvertaken || !(await markDamaged(tx, reading, this.#now()))) return false;
        tell({ type: "blob.damaged", digest, detail });
        return true;
      });
      if (marked) this.#onDamage({ digest, detail });
    } catch (error) {
      this.#onError(error);
    }
  }
}
