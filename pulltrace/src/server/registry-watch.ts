import type { RegistrySpeed } from "./answering.ts";

/** How many nodes download from each registry now, and how many of them slowly: one slow node says nothing about it. */
export interface RegistryWatch {
  /** Replaces what was known of the node. */
  note(nodeName: string, speeds: readonly RegistrySpeed[]): void;
  /** Counts without the node that asks. */
  others(nodeName: string, host: string): { readonly nodes: number; readonly slow: number };
}

export function createRegistryWatch(): RegistryWatch {
  const nodes = new Map<string, readonly RegistrySpeed[]>();
  const hosts = new Map<string, { nodes: number; slow: number }>();

  const count = (speeds: readonly RegistrySpeed[], by: 1 | -1): void => {
    for (const { host, slow } of speeds) {
      const of = hosts.get(host) ?? { nodes: 0, slow: 0 };
      of.nodes += by;
      if (slow) of.slow += by;
      if (of.nodes === 0) hosts.delete(host);
      else hosts.set(host, of);
    }
  };

  return {
    note(nodeName, speeds) {
      count(nodes.get(nodeName) ?? [], -1);
      count(speeds, 1);
      if (speeds.length === 0) nodes.delete(nodeName);
      else nodes.set(nodeName, speeds);
    },
    others(nodeName, host) {
      const all = hosts.get(host) ?? { nodes: 0, slow: 0 };
      const own = nodes.get(nodeName)?.find((one) => one.host === host);
      return own === undefined ? all : { nodes: all.nodes - 1, slow: all.slow - Number(own.slow) };
    },
  };
}
