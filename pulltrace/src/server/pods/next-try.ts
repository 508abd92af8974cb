/** Kubelet's back-off of failed pulls, per pod and image (pkg/kubelet/images: 10 s, doubled to 300 s). */
const firstMs = 10_000;
const mostMs = 300_000;
/** A pod is looked at again some time after its back-off ended; later than this the reckoning is worth nothing. */
const worthlessAfterMs = 60_000;

/** Milliseconds between the `tries`th failed try and the next. */
export function backOffAfter(tries: number): number {
  return Math.min(mostMs, firstMs * 2 ** Math.min(10, Math.max(0, tries - 1)));
}

/**
 * About when kubelet tries again. Undefined when nothing is known of the last try, and when the time that was reckoned
 * has passed by more than a minute: then kubelet does something else than was thought.
 */
export function nextTryAt(tries: number, failedAt: number | undefined, now: number): number | undefined {
  if (tries < 1 || failedAt === undefined) return undefined;
  const next = failedAt + backOffAfter(tries);
  return next + worthlessAfterMs < now ? undefined : next;
}

/** `10 s`, `5 min`, as it stands in a sentence. */
export function backOffInWords(tries: number): string {
  const seconds = backOffAfter(tries) / 1_000;
  return seconds >= 300 ? "5 min" : `${seconds} s`;
}
