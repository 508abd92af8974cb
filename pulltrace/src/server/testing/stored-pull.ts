import type { StoredPull } from "../state/pull-state.ts";

/** A finished pull as the state keeps it. */
export function storedPull(number: number, endedAt: number): StoredPull {
  const time = new Date(endedAt).toISOString();
  return {
    nodeName: `node-${number % 7}`,
    key: `id ${number}`,
    endedAt,
    endedBy: "agent",
    status: {
      id: String(number),
      nodeName: `node-${number % 7}`,
      imageRef: "r.example/team/app:1",
      totalBytes: 1,
      downloadedBytes: 1,
      bytesPerSec: 0,
      etaSeconds: 0,
      percent: 100,
      layerCount: 0,
      layersDone: 0,
      startedAt: time,
      completedAt: time,
      pods: [],
      layers: [],
      totalKnown: true,
      phase: "done",
      cachedBytes: 0,
      updatedAt: time,
    },
  };
}
