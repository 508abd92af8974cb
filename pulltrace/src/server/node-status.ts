import type { NodeStatus } from "../contract/index.ts";
import type { NodeState } from "./node.ts";
import { isVisible, type ReaderFilter } from "./reader-filter.ts";

/**
 * A node as this reader sees it; undefined when it does not see it. A reader who is bound to a tenant, or asks for one,
 * a namespace or an image, sees the nodes that have such pulls, and counts only those.
 */
export function nodeStatusOf(node: NodeState, filter: ReaderFilter): NodeStatus | undefined {
  const { nodeName } = node;
  if (node.restored === true || (filter.nodeName !== undefined && filter.nodeName !== nodeName)) return undefined;
  const narrowed = [filter.boundTo, filter.tenant, filter.namespace, filter.image].some((one) => one !== undefined);
  const running = [...node.running.values()].filter(({ status }) => isVisible(filter, status));
  if (
    narrowed &&
    running.length === 0 &&
    ![...node.finished.values()].some(({ status }) => isVisible(filter, status))
  ) {
    return undefined;
  }
  // A layer that two pulls wait for is downloaded once.
  const speeds = new Map<string, number>();
  for (const { status } of running) {
    for (const layer of status.layers)
      speeds.set(layer.digest, Math.max(speeds.get(layer.digest) ?? 0, layer.bytesPerSec));
  }
  let bytesPerSec = 0;
  for (const speed of speeds.values()) bytesPerSec += speed;
  return {
    nodeName,
    lastReportAt: new Date(node.lastReportAt).toISOString(),
    reporting: node.reporting,
    ...(node.agentVersion === undefined ? {} : { agentVersion: node.agentVersion }),
    activePulls: running.length,
    bytesPerSec: Math.min(Number.MAX_SAFE_INTEGER, bytesPerSec),
  };
}
