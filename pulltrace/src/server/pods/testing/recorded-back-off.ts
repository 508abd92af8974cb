import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { KubernetesObject, ListChange } from "@waybill/foundation/kubernetes";
import { keptEvent, type KeptEvent, type KubeletEvent } from "../kubelet-event.ts";
import { nextTryAt } from "../next-try.ts";
import { keptPod, samePod, type KeptPod, type Pod } from "../pod.ts";
import { createPodIndex } from "../pod-index.ts";

/** A line of the recording: milliseconds since 1970, and what the registry was asked or the API server told then. */
type Line = { readonly at: number } & (
  | { readonly asked: string }
  | { readonly pod: Pod }
  | { readonly event: KubeletEvent }
);

/** What a server told at a moment of the next try of an image, and when it came. */
export interface ToldTry {
  readonly image: string;
  readonly at: number;
  readonly told: number | undefined;
  readonly real: number;
}

/** How long a try of each image took; `both` is the image of two containers of one pod. */
const triesTake: Readonly<Record<string, number>> = { nothing: 0, both: 0, slow: 50_000 };
/** So long after a failed try the pod's status tells of it. */
const statusWithinMs = 18_000;

/**
 * Sixteen minutes of a busy machine: what the API server of Kubernetes 1.34 told of three pods whose images are not there
 * (containerd 1.6, fields that nobody reads left out), and when kubelet's tries came to the registry.
 */
export function recordedBackOff() {
  const text = readFileSync(join(import.meta.dirname, "back-off.jsonl"), "utf8");
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
  const [first, last] = [lines[0]?.at ?? 0, lines.at(-1)?.at ?? 0];

  return {
    /** What a server told each second that began so late, while no try went on or was told of only in part. */
    tellsOf({ startAfterMs, events }: { readonly startAfterMs: number; readonly events: boolean }): readonly ToldTry[] {
      const begin = first + startAfterMs;
      const seen = lines.filter((line) => events || !("event" in line));
      const { index, take } = emptyIndex();
      for (const line of listAt(seen, begin)) take(line);
      const rest = seen.filter(({ at }) => at >= begin);
      const tells: ToldTry[] = [];
      for (let now = begin; now < last; now += 1_000) {
        while (rest[0] !== undefined && rest[0].at <= now) take(rest.shift() as Line);
        const { waiting } = index.podsOn("node-1", now);
        for (const [image, takes] of Object.entries(triesTake)) {
          const asks = lines.flatMap((line) => ("asked" in line && line.asked === image ? [line.at] : []));
          const real = asks.find((at) => at > now);
          const before = asks.findLast((at) => at <= now);
          if (real === undefined || before === undefined || now - before < takes + statusWithinMs) continue;
          const containers = waiting.filter((one) => one.image.endsWith(`/${image}:1`));
          const times = containers.flatMap((one) => nextTryAt(one, now) ?? []);
          tells.push({ image, at: now, real, told: times.length === 0 ? undefined : Math.min(...times) });
        }
      }
      return tells;
    },
  };
}

/** The newest of each object, as a list has it. */
function listAt(lines: readonly Line[], at: number): readonly Line[] {
  const newest = new Map<string, Line>();
  for (const line of lines) {
    if (line.at >= at || "asked" in line) continue;
    const { name = "" } = "pod" in line ? line.pod.metadata : line.event.metadata;
    newest.set(name, { ...line, at });
  }
  return [...newest.values()];
}

/** An index that takes lines as the watch of pods takes changes. */
function emptyIndex() {
  const index = createPodIndex();
  const pods = new Map<string, KeptPod>();
  const events = new Map<string, KeptEvent>();
  const changeOf = <P>(kept: Map<string, P>, { metadata }: KubernetesObject, value: P): ListChange<P> => {
    const key = metadata.name ?? "";
    const previous = kept.get(key);
    kept.set(key, value);
    return previous === undefined ? { type: "added", key, value } : { type: "changed", key, value, previous };
  };
  return {
    index,
    take: (line: Line): void => {
      if ("asked" in line) return;
      if ("event" in line) {
        const event = keptEvent(line.event);
        if (event !== undefined) index.eventChanged(changeOf(events, line.event, event));
        return;
      }
      const pod = keptPod(line.pod);
      if (pod === undefined) return;
      const change = changeOf(pods, line.pod, pod);
      if (change.type === "changed" && samePod(change.previous, change.value)) return;
      index.podChanged(change, line.at);
    },
  };
}
