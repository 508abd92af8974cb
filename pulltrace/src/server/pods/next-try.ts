/** Kubelet's back-off of failed pulls, per pod and image (pkg/kubelet/images: 10 s, doubled to 300 s). */
const firstMs = 10_000;
const mostMs = 300_000;
/** After so many tries it grows no more. */
const mostGrowing = 6;
/**
 * Kubelet comes back to a pod that it could not start after 10 to 15 s (pkg/kubelet, pod_workers.go). Only then it sees
 * that a back-off is over, and only then the pod's status tells what came of the try before.
 */
const roundMs = 12_500;
/** Times of one try by event and by status are not farther apart than this, also where kubelet is slow. */
const sameTryMs = 20_000;
/** Later than this the reckoning is worth nothing. */
const worthlessAfterMs = 60_000;

/** Milliseconds between the `tries`th failed try and the end of its back-off. */
export function backOffAfter(tries: number): number {
  return Math.min(mostMs, firstMs * 2 ** Math.min(10, Math.max(0, tries - 1)));
}

/** How often an image of a pod was tried in vain, as one source tells it, and when last (milliseconds since 1970). */
export interface FailedTries {
  readonly tries: number;
  readonly failedAt: number;
}

/** What the pod's status showed. */
export interface SeenTries extends FailedTries {
  /** The pod was followed from before its first try: none is missing. */
  readonly whole: boolean;
}

export interface LastTry extends FailedTries {
  /**
   * How long kubelet waits after it, reckoned by the tries that were counted and those that must have been between.
   * Undefined when nobody knows how many there were.
   */
  readonly backOffMs?: number;
}

/** When the try failed that a status shows: the first one is told at once, each later one a round later. */
export function failedBefore(statusAt: number, is: "first-try" | "later-try" | "back-off"): number {
  if (is === "first-try") return statusAt;
  return statusAt - (is === "later-try" ? roundMs : 2 * roundMs);
}

/**
 * What kubelet's events and the pod's status say together. An event has the moment of its try to the second, but of a
 * pod that fails for long most events are withheld (client-go, tools/record: 25, then one in five minutes). The status
 * shows each try, some seconds late, to whoever was there to see it.
 */
export function lastTryOf(said: FailedTries | undefined, seen: SeenTries | undefined): LastTry | undefined {
  if (said === undefined) {
    if (seen === undefined) return undefined;
    const { tries, failedAt, whole } = seen;
    return { tries, failedAt, ...(whole ? { backOffMs: backOffAfter(tries) } : {}) };
  }
  if (seen === undefined) return { ...said, backOffMs: backOffAfter(said.tries) };
  if (said.failedAt >= seen.failedAt - sameTryMs) {
    const tries = Math.max(said.tries, seen.tries);
    return { tries, failedAt: said.failedAt, backOffMs: backOffAfter(tries) };
  }
  const tries = Math.max(said.tries + 1, seen.tries);
  const most = seen.whole ? tries : Math.max(tries, triesBy(seen.failedAt, said));
  return { tries, failedAt: seen.failedAt, backOffMs: backOffAfter(most) };
}

/** How many tries there were at `at`, if kubelet went on as it does after the tries that are known. */
function triesBy(at: number, { tries, failedAt }: FailedTries): number {
  let count = tries;
  for (let next = failedAt; count < mostGrowing && next <= at - sameTryMs; count += 1)
    next += backOffAfter(count) + roundMs / 2;
  return count;
}

/**
 * About when kubelet tries again: when the back-off is over and half a round has passed. Undefined when nothing is known
 * of the last try, and when the time that was reckoned has passed by more than a minute: then kubelet does something
 * else than was thought.
 */
export function nextTryAt(
  { failedAt, backOffMs }: { readonly failedAt?: number; readonly backOffMs?: number },
  now: number,
): number | undefined {
  if (failedAt === undefined || backOffMs === undefined) return undefined;
  const next = failedAt + backOffMs + roundMs / 2;
  return next + worthlessAfterMs < now ? undefined : next;
}

/** `10 s`, `5 min`, as it stands in a sentence. */
export function backOffInWords(backOffMs: number): string {
  const seconds = backOffMs / 1_000;
  return seconds >= 300 ? "5 min" : `${seconds} s`;
}
