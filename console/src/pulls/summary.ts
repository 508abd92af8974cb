import type { NodeStatus } from "@waybill/pulltrace/contract";
import { isFinished, type PullEntry } from "../live/index.ts";

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
  /** Different pods that wait for an active pull. */
  readonly podsWaiting: number;
  readonly podNamespaces: number;
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
  let failures = 0;
  let recording = false;
  const pods = new Set<string>();
  const namespaces = new Set<string>();
  const failedNodes = new Set<string>();
  for (const { pull } of entries) {
    if (pull.recording === true) recording = true;
    if (pull.phase === "failed") {
      failures += 1;
      failedNodes.add(pull.nodeName);
    }
    if (isFinished(pull)) continue;
    active += 1;
    if (pull.phase === "downloading") downloading += 1;
    if (pull.phase === "unpacking") unpacking += 1;
    bytesPerSec += Math.max(0, pull.bytesPerSec);
    for (const pod of pull.pods) {
      pods.add(`${pod.namespace}/${pod.podName}`);
      namespaces.add(pod.namespace);
    }
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
    podsWaiting: pods.size,
    podNamespaces: namespaces.size,
    failures,
    failedNodes: failedNodes.size,
    recording,
  };
}
