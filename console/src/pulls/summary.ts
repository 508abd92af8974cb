import type { NodeStatus } from "@waybill/pulltrace/contract";
import { isFailing, isOver, isRunning, type PullEntry } from "../live/index.ts";

/** The five figures of the strip, and the words below them. Over all pulls, not only the filtered ones. */
export interface Summary {
  readonly active: number;
  readonly downloading: number;
  readonly unpacking: number;
  /** Bytes per second over all active pulls. */
  readonly bytesPerSec: number;
  readonly nodesReporting: number;
  readonly nodesKnown: number;
  readonly silentNodes: readonly string[];
  /** Images that a node needs and has not begun. */
  readonly notBegun: number;
  /** Different pods that wait for an image, whether it is being pulled or not. */
  readonly podsWaiting: number;
  readonly podNamespaces: number;
  /** Those of them whose image failed and is tried again, or never. */
  readonly podsFailing: number;
  readonly failures: number;
  readonly failedNodes: number;
  /** A replayed recording is among the pulls. */
  readonly recording: boolean;
}

export function summarize(entries: Iterable<PullEntry>, nodes: readonly NodeStatus[]): Summary {
  let active = 0;
  let downloading = 0;
  let unpacking = 0;
  let bytesPerSec = 0;
  let notBegun = 0;
  let failures = 0;
  let recording = false;
  const pods = new Set<string>();
  const failingPods = new Set<string>();
  const namespaces = new Set<string>();
  const failedNodes = new Set<string>();
  for (const { pull } of entries) {
    if (pull.recording === true) recording = true;
    if (pull.phase === "failed") {
      failures += 1;
      failedNodes.add(pull.nodeName);
    }
    if (isOver(pull)) continue;
    const failing = isFailing(pull);
    for (const { namespace, podName } of pull.pods) {
      pods.add(`${namespace}/${podName}`);
      if (failing) failingPods.add(`${namespace}/${podName}`);
      namespaces.add(namespace);
    }
    if (pull.phase === "waiting") notBegun += 1;
    if (!isRunning(pull)) continue;
    active += 1;
    if (pull.phase === "downloading") downloading += 1;
    if (pull.phase === "unpacking") unpacking += 1;
    bytesPerSec += Math.max(0, pull.bytesPerSec);
  }
  const silentNodes = nodes.filter((node) => !node.reporting).map((node) => node.nodeName);
  return {
    active,
    downloading,
    unpacking,
    bytesPerSec,
    nodesReporting: nodes.length - silentNodes.length,
    nodesKnown: nodes.length,
    silentNodes,
    notBegun,
    podsWaiting: pods.size,
    podNamespaces: namespaces.size,
    podsFailing: failingPods.size,
    failures,
    failedNodes: failedNodes.size,
    recording,
  };
}
