import type { Ingest } from "../containerd/index.ts";
import { fileClockTolerance, gridDistance } from "../observation/index.ts";

/**
 * Whether somebody still writes a download, read from what containerd shows of it.
 *
 * containerd keeps a download that was begun (its "ingest") when the client dies, for up to a day and under the same
 * lease, so its being there says nothing. Three facts of its content store do (content/local of 1.6 to 2.2):
 * - a live writer appends 1 MiB at a time, so on a slow link minutes pass between two steps: silence proves nothing;
 * - a writer that is closed without commit (client killed, connection gone, registry broke off) stamps the time of its
 *   last write a second time, a few milliseconds later than the file's own: `updatedAt` moves while `offset` stays.
 *   A live writer never does that.
 *
 * - a live writer appends whole MiB until the last piece, because containerd fills its buffer before it writes. A piece
 *   that is none and does not reach the total is what was in the buffer when the source ended: the download broke off
 *   (seen on 2.2, where containerd itself fetches and the client is killed). It counts only where all pieces before it
 *   were whole MiB, for other clients may write as they like.
 *
 * The stamp is seen unless write and close both fall between the same two looks: then the two moves look like one. That
 * is frequent with one layer on a fast link, where every look finds new bytes. Hence looks at downloads are more frequent
 * than reports, and the time itself is looked at: while a writer is open it is the file's, which stands on the grid of
 * the kernel's ticks (see FileClock); the stamp was taken by containerd and stands anywhere. Off the grid is no proof: a
 * kernel from 6.13 on gives a file a finer time when somebody looked at it within the same tick. So it shortens the
 * patience with silence, and silence decides.
 */
export interface WriterWatch {
  readonly offset: number;
  readonly updatedAt: number;
  /** Number of the look at which the offset last changed. */
  readonly movedAtLook: number;
  /** When the offset last changed, or the download was first seen. */
  readonly movedAt: number;
  /** Longest time between two moves so far. */
  readonly longestGapMs: number;
  /** Moves seen so far. */
  readonly moves: number;
  /** True while all of them were whole MiB. */
  readonly wholePieces: boolean;
  /** When it was seen that the writer is closed; undefined while it writes, as far as can be told. */
  readonly closedAt?: number;
  /** True when the time of the last move is none that a file gets: containerd stamped it. */
  readonly stamped?: boolean;
  /** Lease whose client writes, as far as a whole look has told. */
  readonly owner?: string;
}

export interface WriterLook {
  /** Number of the look, counted up by one each time. */
  readonly look: number;
  readonly at: number;
  readonly fileClock?: number;
}

const pieceBytes = 1024 * 1024;

export function watchWriter(before: WriterWatch | undefined, ingest: Ingest, now: WriterLook): WriterWatch {
  if (before === undefined) {
    return {
      offset: ingest.offset,
      updatedAt: ingest.updatedAt,
      movedAtLook: now.look,
      movedAt: now.at,
      longestGapMs: 0,
      moves: 0,
      wholePieces: true,
      ...stampOf(ingest, now),
    };
  }
  if (ingest.offset !== before.offset) {
    const whole = ingest.offset > before.offset && (ingest.offset - before.offset) % pieceBytes === 0;
    const brokenOff = !whole && before.moves > 0 && before.wholePieces && ingest.offset < ingest.total;
    return {
      offset: ingest.offset,
      updatedAt: ingest.updatedAt,
      movedAtLook: now.look,
      movedAt: now.at,
      longestGapMs: Math.max(before.longestGapMs, now.at - before.movedAt),
      moves: before.moves + 1,
      wholePieces: before.wholePieces && whole,
      ...(before.owner === undefined ? {} : { owner: before.owner }),
      ...(brokenOff ? { closedAt: now.at } : {}),
      ...stampOf(ingest, now),
    };
  }
  if (ingest.updatedAt !== before.updatedAt) {
    return { ...before, updatedAt: ingest.updatedAt, closedAt: before.closedAt ?? now.at };
  }
  return before;
}

function stampOf(ingest: Ingest, now: WriterLook): { stamped?: boolean } {
  if (now.fileClock === undefined || ingest.offset === 0) return {};
  return { stamped: gridDistance(ingest.updatedAt % 1, now.fileClock) > fileClockTolerance };
}

/** A new client took the download over: what the last one left on it says nothing about the new one. */
export function ownedBy(watch: WriterWatch, owner: string, now: WriterLook): WriterWatch {
  if (watch.owner === owner) return watch;
  if (watch.owner === undefined && watch.closedAt === undefined) return { ...watch, owner };
  const { closedAt: _, stamped: __, ...rest } = watch;
  return {
    ...rest,
    owner,
    moves: 0,
    wholePieces: true,
    movedAt: now.at,
    movedAtLook: now.look,
    longestGapMs: 0,
  };
}

/**
 * True when the close of all these writers at one moment could have gone unseen: each of them moved at the very look
 * at which the last of them did, or none was ever seen to move.
 */
export function closeMayBeUnseen(watches: readonly WriterWatch[]): boolean {
  const last = Math.max(...watches.map((watch) => watch.movedAtLook));
  return watches.every((watch) => watch.movedAtLook === last);
}
