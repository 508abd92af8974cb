import type { PullStatus } from "./pull.ts";

/** Pulls that have something in common; never empty. */
export type Members = [PullStatus, ...PullStatus[]];

export function put<Key>(groups: Map<Key, Members>, key: Key, pull: PullStatus): void {
  const members = groups.get(key);
  if (members === undefined) groups.set(key, [pull]);
  else members.push(pull);
}

export function nodesOf(pulls: readonly PullStatus[]): number {
  return new Set(pulls.map(({ nodeName }) => nodeName)).size;
}

export function podsOf(pulls: readonly PullStatus[]): number {
  const pods = podSet();
  for (const pull of pulls) pods.add(pull);
  return pods.size();
}

/** Different pods. By namespace, so that no key has to be put together for each. */
export function podSet() {
  const byNamespace = new Map<string, Set<string>>();
  return {
    add({ pods }: PullStatus): void {
      for (const { namespace, podName } of pods) {
        const names = byNamespace.get(namespace);
        if (names === undefined) byNamespace.set(namespace, new Set([podName]));
        else names.add(podName);
      }
    },
    size(): number {
      let count = 0;
      for (const names of byNamespace.values()) count += names.size;
      return count;
    },
    namespaces: (): number => byNamespace.size,
  };
}
