import type { AgentReport, ReportedLayer, ReportedPull } from "../../contract/index.ts";

/** 2026-11-21T12:00:00Z, where the tests' clocks begin. */
export const noon = Date.UTC(2026, 10, 21, 12);

export function digestOf(number: number): string {
  return `sha256:${number.toString(16).padStart(64, "0")}`;
}

/** A layer of 1000 bytes of which `downloaded` have come. */
export function layerOf(number: number, downloaded: number, more: Partial<ReportedLayer> = {}): ReportedLayer {
  return {
    digest: digestOf(number),
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    totalBytes: 1_000,
    downloadedBytes: downloaded,
    totalKnown: true,
    phase: downloaded === 0 ? "waiting" : "downloading",
    ...more,
  };
}

/** The same layer as an older agent tells it: without phase. */
export function olderLayerOf(number: number, downloaded: number): ReportedLayer {
  const { phase: _, ...layer } = layerOf(number, downloaded);
  return layer;
}

export function pullOf(layers: readonly ReportedLayer[], more: Partial<ReportedPull> = {}): ReportedPull {
  return {
    id: "p1",
    imageRef: "registry.example:5000/team-a/shop:1.0",
    layers,
    startedAt: new Date(noon - 1_000).toISOString(),
    totalKnown: true,
    phase: "downloading",
    ...more,
  };
}

export function olderPullOf(layers: readonly ReportedLayer[], more: Partial<ReportedPull> = {}): ReportedPull {
  const { id: _, phase: __, ...pull } = pullOf(layers);
  return { ...pull, ...more };
}

export function reportOf(pulls: readonly ReportedPull[], more: Partial<AgentReport> = {}): AgentReport {
  return {
    nodeName: "node-1",
    timestamp: new Date(noon).toISOString(),
    agentVersion: "0.1.0",
    reportIntervalMs: 1_000,
    pulls,
    ...more,
  };
}
