import type { PullStatus, WaitingPod } from "../../contract/index.ts";

/** The pods that wait for these pulls, those that wait longest first. A finished pull has none, unless it is tried again. */
export function waitingPodsOf(pulls: readonly PullStatus[]): readonly WaitingPod[] {
  const pods: WaitingPod[] = [];
  for (const pull of pulls) {
    const { phase } = pull;
    if (phase === "done" || phase === "cancelled" || (phase === "failed" && pull.waitsFor === undefined)) continue;
    for (const pod of pull.pods) {
      pods.push({
        ...pod,
        nodeName: pull.nodeName,
        pullId: pull.id,
        imageRef: pull.imageRef,
        phase,
        ...(pull.tenant === undefined ? {} : { tenant: pull.tenant }),
        ...(pull.failure === undefined ? {} : { failure: pull.failure }),
        ...(pull.nextTryAt === undefined ? {} : { nextTryAt: pull.nextTryAt }),
      });
    }
  }
  return pods.sort((a, b) => compare(a.since ?? "", b.since ?? "") || compare(nameOf(a), nameOf(b)));
}

function nameOf({ namespace, podName, container }: WaitingPod): string {
  return `${namespace}/${podName}/${container}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
