import type { KubeletEvent } from "../kubelet-event.ts";
import type { Pod } from "../pod.ts";
import type { NodeWaits, PodSource, WaitingContainer } from "../contract.ts";

export const second = 1_000;
export const timeText = (at: number): string => new Date(at).toISOString();

type Status = NonNullable<NonNullable<Pod["status"]>["containerStatuses"]>[number];

/** State of a container as kubelet writes it. */
export function waitingFor(name: string, reason: string, message?: string): Status {
  return { name, imageID: "", state: { waiting: { reason, ...(message === undefined ? {} : { message }) } } };
}
export function runningOf(name: string, image = "docker.io/library/x@sha256:1"): Status {
  return { name, imageID: image, started: true, state: { running: { startedAt: timeText(0) } } };
}

export interface PodShape {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly nodeName?: string;
  readonly images?: readonly string[];
  readonly statuses?: readonly Status[];
  readonly since?: number;
  readonly spec?: Partial<NonNullable<Pod["spec"]>>;
  readonly status?: Partial<NonNullable<Pod["status"]>>;
}

/** A pod on node-1 whose containers c0, c1, … have these images. */
export function podOf(shape: PodShape = {}): Pod {
  const { name = "web", namespace = "shop", uid = `uid-${name}`, nodeName = "node-1", images = ["nginx:1"] } = shape;
  return {
    metadata: { name, namespace, uid, creationTimestamp: timeText(shape.since ?? 0) },
    spec: { nodeName, containers: images.map((image, index) => ({ name: `c${index}`, image })), ...shape.spec },
    status: {
      phase: "Pending",
      conditions: [{ type: "PodScheduled", status: "True", lastTransitionTime: timeText(shape.since ?? 0) }],
      ...(shape.statuses === undefined ? {} : { containerStatuses: shape.statuses }),
      ...shape.status,
    },
  };
}

/** What kubelet says of a pod's image. */
export function eventOf(
  reason: string,
  message: string,
  at: number,
  more: { readonly uid?: string; readonly name?: string; readonly count?: number } = {},
): KubeletEvent {
  const uid = more.uid ?? "uid-web";
  return {
    metadata: { name: more.name ?? `${uid}.${reason}.${at}`, namespace: "shop" },
    involvedObject: { uid, fieldPath: "spec.containers{c0}" },
    reason,
    message,
    count: more.count ?? 1,
    lastTimestamp: timeText(at),
  };
}

export function containerOf(more: Partial<WaitingContainer> = {}): WaitingContainer {
  return {
    namespace: "shop",
    podName: "web",
    podUid: "uid-web",
    container: "c0",
    part: "container",
    image: "nginx:1",
    since: 0,
    turn: true,
    asked: false,
    tries: 0,
    ...more,
  };
}

/** A pod source that a test fills by hand. */
export function scriptedPods(): PodSource & { set(nodeName: string, waits: Partial<NodeWaits>): void } {
  const listeners = new Set<(nodeNames: ReadonlySet<string>) => void>();
  const nodes = new Map<string, NodeWaits>();
  return {
    set(nodeName, waits) {
      nodes.set(nodeName, { waiting: [], settled: [], ...waits });
      for (const listener of listeners) listener(new Set([nodeName]));
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    podsOn: (nodeName) => nodes.get(nodeName) ?? { waiting: [], settled: [] },
    health: { name: "kubernetes", check: () => Promise.resolve() },
    close: () => Promise.resolve(),
  };
}
