import {
  causeOf,
  codecOf,
  fadedBest,
  learnLink,
  learnUnpack,
  slowPart,
  steadyEnd,
  timesLeft,
  type Codec,
  type Speeds,
} from "../answers/index.ts";
import type { PullStatus } from "../contract/index.ts";
import type { TrackedPull } from "./node.ts";
import { hostOf } from "./tenant.ts";

/** One thing that a report taught about speeds. */
export type Lesson =
  | { readonly of: "link"; readonly bytesPerSec: number; readonly elapsedMs: number }
  | { readonly of: "unpack"; readonly codec: Codec; readonly bytes: number; readonly milliseconds: number };

export function learn(speeds: Speeds, lesson: Lesson, now: number): Speeds {
  return lesson.of === "link"
    ? learnLink(speeds, lesson.bytesPerSec, lesson.elapsedMs, now)
    : learnUnpack(speeds, lesson.codec, lesson.bytes, lesson.milliseconds);
}

/**
 * What the layers that became complete since the last report say about unpacking. Layers of a pull unpack one after
 * the other, so the time runs from when the first of them was seen to unpack, or from the end of the one before.
 */
export function unpackLesson(previous: TrackedPull | undefined, next: TrackedPull): Lesson | undefined {
  if (previous === undefined || !hasNewlyComplete(previous, next)) return undefined;
  let from = Number.POSITIVE_INFINITY;
  let until = 0;
  let before = 0;
  let bytes = 0;
  let largest = 0;
  let codec: Codec = "other";
  for (const [digest, { status, completed }] of next.layers) {
    if (status.cached || !completed || status.completedAt === undefined) continue;
    const doneAt = Date.parse(status.completedAt);
    if (previous.layers.get(digest)?.completed === true) {
      before = Math.max(before, doneAt);
      continue;
    }
    const last = previous.layers.get(digest)?.status;
    if (status.downloadedAt === undefined || last === undefined) continue;
    // It waited for the others before it: unpacking began where it was seen, or after the last report without it.
    const seen = status.unpackingAt === undefined ? previous.reportedAt : Date.parse(status.unpackingAt);
    from = Math.min(from, Math.max(seen, Date.parse(status.downloadedAt)));
    until = Math.max(until, doneAt);
    bytes += status.totalBytes;
    if (status.totalBytes >= largest) {
      largest = status.totalBytes;
      codec = codecOf(status.mediaType);
    }
  }
  const milliseconds = until - Math.max(from, before);
  return bytes > 0 && milliseconds > 0 ? { of: "unpack", codec, bytes, milliseconds } : undefined;
}

function hasNewlyComplete(previous: TrackedPull, next: TrackedPull): boolean {
  for (const [digest, layer] of next.layers)
    if (layer.completed && previous.layers.get(digest)?.completed !== true) return true;
  return false;
}

/** How a node stands to one registry, for the comparison with other nodes. */
export interface RegistrySpeed {
  readonly host: string;
  /** The node downloads, from this registry alone, at much less than it did lately. */
  readonly slow: boolean;
}

export interface AnswerContext {
  /** Bytes per second that arrive on the node now. */
  readonly bytesPerSec: number;
  /** Milliseconds since the last piece was written: at that speed more has come by now. */
  readonly unseenMs: number;
  readonly node: Speeds;
  readonly fleet: Speeds;
  /** Of the other nodes. */
  readonly registry: (host: string) => { readonly nodes: number; readonly slow: number };
  /** Pulls of the node that a rate limit made fail lately. */
  readonly refused: readonly PullStatus[];
  readonly now: number;
}

/** No node does more at once, and a report of a thousand pulls must not cost a million comparisons. */
const mostCompared = 50;

/** The running pulls of a node with cause and time left. */
export function answered(
  pulls: readonly TrackedPull[],
  previous: (pull: TrackedPull) => TrackedPull | undefined,
  context: AnswerContext,
): readonly TrackedPull[] {
  const { node, fleet, now, bytesPerSec, unseenMs } = context;
  const statuses = pulls.map(({ status }) => status);
  const compared = statuses.slice(0, mostCompared);
  const times = timesLeft({ pulls: statuses, bytesPerSec, unseenMs, node, fleet, now });
  return pulls.map((pull) => {
    const { status } = pull;
    const host = hostOf(status.imageRef);
    const cause = causeOf({
      pull: status,
      others: compared.filter((other) => other !== status),
      nodeBytesPerSec: bytesPerSec,
      node,
      fleet,
      registry: { host, ...context.registry(host) },
      refused: context.refused,
      movedAt: pull.movedAt,
      now,
    });
    const estimate = times.get(status.id);
    const told = previous(pull)?.status.timeLeft;
    if (cause === undefined && estimate === undefined) return pull;
    return {
      ...pull,
      status: {
        ...status,
        ...(cause === undefined ? {} : { cause }),
        ...(estimate === undefined
          ? {}
          : {
              timeLeft: {
                endsAt: new Date(
                  steadyEnd(
                    told?.basis === estimate.basis ? Date.parse(told.endsAt) : undefined,
                    now + estimate.milliseconds,
                    now,
                  ),
                ).toISOString(),
                basis: estimate.basis,
              },
            }),
      },
    };
  });
}

/** A finished pull with what took its time. */
export function explained(status: PullStatus, context: AnswerContext): PullStatus {
  const host = hostOf(status.imageRef);
  const cause = causeOf({
    pull: status,
    others: [],
    nodeBytesPerSec: context.bytesPerSec,
    node: context.node,
    fleet: context.fleet,
    registry: { host, nodes: 0, slow: 0 },
    refused: [],
    movedAt: context.now,
    now: context.now,
  });
  return cause === undefined ? status : { ...status, cause };
}

/** From which registries a node downloads now, and whether slowly; silent on mixtures, where it cannot be told. */
export function registrySpeedsOf(
  pulls: readonly TrackedPull[],
  bytesPerSec: number,
  node: Speeds,
  now: number,
): readonly RegistrySpeed[] {
  const hosts = new Set(
    pulls
      .filter(({ status }) => status.phase === "downloading" && status.bytesPerSec > 0)
      .map(({ status }) => hostOf(status.imageRef)),
  );
  const best = node.link === undefined ? 0 : fadedBest(node.link, now);
  const slow = hosts.size === 1 && bytesPerSec > 0 && bytesPerSec < best * slowPart;
  return [...hosts].map((host) => ({ host, slow }));
}
