import { explainFailure, limitedTryCause, serialQueueCause } from "../../answers/index.ts";
import type { Failure, PullCause, PullStatus, PullWait } from "../../contract/index.ts";
import type { WaitingContainer } from "./contract.ts";
import type { ImageNeed } from "./image-need.ts";
import { backOffInWords, nextTryAt } from "./next-try.ts";
import { isImageFault } from "./pod.ts";

/** What the rest of the node has to do with a wait. */
export interface NodeView {
  readonly nodeName: string;
  /** Pulls of the node that run now. */
  readonly running: readonly PullStatus[];
  /** An agent reports from the node. */
  readonly reporting: boolean;
  readonly now: number;
}

/** What a need looks like to readers while nothing is pulled for it. */
export type WaitFacts =
  | { readonly phase: "waiting"; readonly waitsFor: PullWait; readonly cause?: PullCause }
  | {
      readonly phase: "failed";
      readonly waitsFor: PullWait;
      readonly failure: Failure;
      readonly cause?: PullCause;
      readonly attempts: number;
      /** Milliseconds since 1970: the last failed try; undefined when nobody saw it. */
      readonly failedAt: number | undefined;
      readonly nextTryAt: number | undefined;
    };

/**
 * Undefined while there is nothing to say: init containers of the pods go first, so kubelet does not need the image yet.
 */
export function waitFactsOf(need: ImageNeed, node: NodeView): WaitFacts | undefined {
  const failing = need.containers.filter(({ reason }) => isImageFault(reason));
  if (failing.length > 0) return failedFacts(failing, node);
  const due = need.containers.filter(({ turn }) => turn);
  if (due.length === 0) return undefined;
  // Before kubelet has asked for it, it is not known whether the others hold it back.
  const cause = due.some(({ asked }) => asked) ? serialQueueCause(node.running) : undefined;
  return { phase: "waiting", waitsFor: waitOf(due, node), ...(cause === undefined ? {} : { cause }) };
}

function waitOf(due: readonly WaitingContainer[], { running: pulls, reporting, nodeName }: NodeView): PullWait {
  const running = pulls.length;
  const asked = due.some((container) => container.asked);
  const others = running === 1 ? "1 pull of this node is" : `${running} pulls of this node are`;
  if (running > 0 && asked) {
    return {
      kind: "queue",
      sentence: `kubelet has asked for it; ${others} before it (unless told otherwise, kubelet pulls one image after the other).`,
      pullsAhead: running,
    };
  }
  if (running > 0) {
    return {
      kind: "queue",
      sentence: `kubelet has not asked for it yet; ${others} running.`,
      pullsAhead: running,
    };
  }
  if (!reporting) {
    return {
      kind: "not-begun",
      sentence: asked
        ? `kubelet has asked for it, but no agent reports from ${nodeName}: whether it is being pulled cannot be seen.`
        : `No agent reports from ${nodeName}: whether it is being pulled cannot be seen.`,
    };
  }
  return {
    kind: "not-begun",
    sentence: asked
      ? "kubelet has asked for it, and no byte has come yet (its name is being resolved, or containerd is busy)."
      : "The pod is on the node, and kubelet has not come to this image (the pod's network or volumes may not be ready).",
  };
}

function failedFacts(failing: readonly WaitingContainer[], node: NodeView): WaitFacts {
  const newest = failing.reduce((a, b) => ((b.failedAt ?? 0) > (a.failedAt ?? 0) ? b : a));
  const failure = explainFailure(newest.message ?? newest.reason ?? "", new Date(newest.failedAt ?? node.now));
  const attempts = Math.max(1, ...failing.map(({ tries }) => tries));
  const never = failing.every(({ reason }) => reason === "InvalidImageName" || reason === "ErrImageNeverPull");
  if (never) {
    return {
      phase: "failed",
      failure,
      attempts,
      failedAt: newest.failedAt,
      nextTryAt: undefined,
      waitsFor: {
        kind: "never",
        sentence:
          newest.reason === "InvalidImageName"
            ? "kubelet cannot read the image's name and does not pull it before the pod is changed."
            : "The pod forbids to pull it (imagePullPolicy: Never), and the node does not have it.",
      },
    };
  }
  // Each pod has a back-off of its own: the image is tried by whichever comes first.
  const nexts = failing.flatMap((container) => {
    const at = nextTryAt(container, node.now);
    return at === undefined ? [] : [{ at, backOffMs: container.backOffMs ?? 0 }];
  });
  const [first] = nexts.toSorted((a, b) => a.at - b.at);
  const next = first?.at;
  const cause = limitedTryCause(failure, { attempts, nextTryAt: next });
  return {
    phase: "failed",
    failure,
    ...(cause === undefined ? {} : { cause }),
    attempts,
    failedAt: newest.failedAt,
    nextTryAt: next,
    waitsFor: { kind: "back-off", sentence: backOffSentence(attempts, first?.backOffMs) },
  };
}

function backOffSentence(attempts: number, backOffMs: number | undefined): string {
  if (backOffMs === undefined)
    return "kubelet tries again by itself, 10 s to 5 min after the last try; when exactly was not to be seen.";
  const tries = attempts === 1 ? "one failed try" : `at least ${attempts} failed tries`;
  return `After ${tries} kubelet waits about ${backOffInWords(backOffMs)} before the next.`;
}

/** Whether a reader would see a difference between two states of a row. */
export function sameWait(a: PullStatus, b: PullStatus): boolean {
  return (
    a.phase === b.phase &&
    a.pods === b.pods &&
    a.attempts === b.attempts &&
    a.nextTryAt === b.nextTryAt &&
    a.tenant === b.tenant &&
    a.cause?.kind === b.cause?.kind &&
    a.waitsFor?.sentence === b.waitsFor?.sentence &&
    a.failure?.sentence === b.failure?.sentence
  );
}
