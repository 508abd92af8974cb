import type { Failure, PullCause, PullStatus } from "../contract/index.ts";
import { pullCause } from "./pull-cause.ts";
import { clockText, countText, durationText } from "./wording.ts";

/** A refusal older than this, whose reset time is unknown or over, holds nothing back any more. */
const holdsMs = 10 * 60_000;

/** The last try was refused by a rate limit: why the next one has to wait. Undefined for other failures. */
export function limitedTryCause(
  failure: Failure,
  tries: { readonly attempts: number; readonly nextTryAt?: number | undefined },
): PullCause | undefined {
  if (failure.code !== "rate-limited") return undefined;
  const again =
    failure.retryAt === undefined ? "" : `, requests are taken again at ${clockText(Date.parse(failure.retryAt))}`;
  const next = tries.nextTryAt === undefined ? "" : `, kubelet tries again about ${clockText(tries.nextTryAt)}`;
  return pullCause(
    "rate-limit",
    `${withoutEnd(failure.sentence)}; ${countText(tries.attempts, "try", "tries")} came to nothing${again}${next}.`,
  );
}

/**
 * A running pull after a refusal: of the same image (it is tried again), or of another one from the same registry while
 * that takes no requests.
 * @param refused pulls of the node that failed with the code rate-limited, of any registry.
 */
export function limitedPullCause(
  pull: PullStatus,
  refused: readonly PullStatus[],
  now: number,
): { readonly cause: PullCause; readonly holds: boolean } | undefined {
  const start = Date.parse(pull.startedAt);
  let found:
    | { readonly failure: Failure; readonly at: number; readonly attempts: number; readonly own: boolean }
    | undefined;
  for (const { failure, completedAt, imageRef, attempts = 1, id } of refused) {
    const at = Date.parse(completedAt ?? "");
    if (failure?.code !== "rate-limited" || id === pull.id || Number.isNaN(at) || now - at > holdsMs) continue;
    const own = imageRef === pull.imageRef && at <= start + 1_000;
    if (!own && (hostOf(imageRef) !== hostOf(pull.imageRef) || Date.parse(failure.retryAt ?? "") <= now)) continue;
    if (!own && failure.retryAt === undefined) continue;
    if (found === undefined || Number(own) > Number(found.own) || (own === found.own && at > found.at)) {
      found = { failure, at, attempts, own };
    }
  }
  if (found === undefined) return undefined;
  const { failure, at, attempts, own } = found;
  const retryAt = Date.parse(failure.retryAt ?? "");
  const until = retryAt > now ? `, requests are taken again at ${clockText(retryAt)}` : "";
  const which = own
    ? `${countText(attempts, "try", "tries")} of this image came to nothing, the last ${durationText((now - at) / 1_000)} ago`
    : `another pull of this node was refused ${durationText((now - at) / 1_000)} ago`;
  const cause = pullCause("rate-limit", `${withoutEnd(failure.sentence)}; ${which}${until}.`);
  // While bytes come, the limit is what made it late and not what makes it slow.
  return { cause, holds: pull.bytesPerSec <= 0 };
}

function hostOf(imageRef: string): string {
  return imageRef.slice(0, Math.max(0, imageRef.indexOf("/")));
}

function withoutEnd(sentence: string): string {
  return sentence.replace(/\.$/u, "");
}
