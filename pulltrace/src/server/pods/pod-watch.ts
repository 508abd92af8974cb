import {
  events,
  keepList,
  KubernetesError,
  pods,
  type KeepListTiming,
  type KeptList,
  type Kubernetes,
} from "@waybill/foundation/kubernetes";
import type { Logger } from "@waybill/foundation/telemetry";
import type { PodSource } from "./contract.ts";
import { keptEvent, pullReasons, type KeptEvent, type KubeletEvent } from "./kubelet-event.ts";
import { keptPod, samePod, type KeptPod, type Pod } from "./pod.ts";
import { createPodIndex } from "./pod-index.ts";

export interface PodWatchOptions {
  readonly kubernetes: Pick<Kubernetes, "pages" | "watch" | "server">;
  /** Empty: all. */
  readonly namespaces: readonly string[];
  readonly log: Logger;
  /** Milliseconds since 1970; the machine's clock when absent. */
  readonly clock?: () => number;
  readonly timing?: Partial<KeepListTiming>;
}

/** Changes that come together are told together. */
const gatherMs = 50;
/** A bookmark comes each minute: three missing ones are worth a word. */
const silentMs = 200_000;
const logEveryMs = 60_000;

/** Follows pods, and what kubelet says of their pulls, in all namespaces or in each of those that were named. */
export function watchPods(options: PodWatchOptions): PodSource {
  const { kubernetes, log } = options;
  const clock = options.clock ?? Date.now;
  const index = createPodIndex();
  const listeners = new Set<(nodeNames: ReadonlySet<string>) => void>();
  const loggedAt = new Map<string, number>();
  let changed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;

  const flush = (): void => {
    timer = undefined;
    const nodeNames = changed;
    changed = new Set();
    for (const listener of listeners) {
      try {
        listener(nodeNames);
      } catch (err) {
        log.error({ err }, "a change of pods was not taken");
      }
    }
  };
  const note = (nodeNames: readonly string[]): void => {
    if (nodeNames.length === 0) return;
    for (const nodeName of nodeNames) changed.add(nodeName);
    timer ??= setTimeout(flush, gatherMs).unref();
  };
  const troubled = (what: string) => (error: Error, retryInMs: number) => {
    const now = performance.now();
    if (now - (loggedAt.get(what) ?? Number.NEGATIVE_INFINITY) < logEveryMs) return;
    loggedAt.set(what, now);
    log.warn(
      { what, error: inWords(error), retryInMs },
      "Kubernetes cannot be followed now; pulls are shown without it",
    );
  };

  const lists: { readonly what: string; readonly list: KeptList<unknown> }[] = [];
  const scopes = options.namespaces.length === 0 ? [undefined] : [...new Set(options.namespaces)];
  for (const namespace of scopes) {
    const common = {
      ...(namespace === undefined ? {} : { namespace }),
      ...(options.timing === undefined ? {} : { timing: options.timing }),
    };
    const where = namespace === undefined ? "" : ` of namespace ${namespace}`;
    lists.push({
      what: `pods${where}`,
      list: keepList<Pod, KeptPod>(kubernetes, {
        ...common,
        kind: pods,
        // Whole pods are many kilobytes: small pages keep what is read and dropped again small.
        pageSize: 100,
        project: keptPod,
        same: samePod,
        onChange: (change) => note(index.podChanged(change, clock())),
        onTrouble: troubled(`pods${where}`),
      }),
    });
    for (const reason of pullReasons) {
      lists.push({
        what: `events ${reason}${where}`,
        list: keepList<KubeletEvent, KeptEvent>(kubernetes, {
          ...common,
          kind: events,
          fieldSelector: `involvedObject.kind=Pod,reason=${reason}`,
          project: keptEvent,
          onChange: (change) => note(index.eventChanged(change)),
          onTrouble: troubled(`events${where}`),
        }),
      });
    }
  }

  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    podsOn: (nodeName) => index.podsOn(nodeName, clock()),
    health: {
      name: "kubernetes",
      check() {
        for (const { what, list } of lists) {
          const state = list.state();
          const age = `${Math.round(state.silentMs / 1_000)} s`;
          if (state.trouble !== undefined) {
            const since = `${what}: nothing heard for ${age}: ${inWords(state.trouble)}`;
            return Promise.resolve({ warning: since });
          }
          if (!state.synced) return Promise.resolve({ warning: `${what}: not read yet from ${kubernetes.server}` });
          if (state.silentMs > silentMs)
            return Promise.resolve({ warning: `${what}: no event and no bookmark for ${age}` });
        }
        return Promise.resolve();
      },
    },
    async close() {
      clearTimeout(timer);
      listeners.clear();
      await Promise.all(lists.map(({ list }) => list.close()));
    },
  };
}

function inWords(error: Error): string {
  return error instanceof KubernetesError ? `${error.message}. ${error.advice ?? ""}` : error.message;
}
