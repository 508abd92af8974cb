import type { LayerStatus, PullStatus } from "../../contract/index.ts";

/** 2026-11-21T12:00:00Z. */
export const noon = Date.UTC(2026, 10, 21, 12);
export const MiB = 1024 * 1024;

export function at(seconds: number): string {
  return new Date(noon + seconds * 1_000).toISOString();
}

/** A gzip layer of `mebibytes` of which `there` have come. */
export function layer(number: number, mebibytes: number, there: number, more: Partial<LayerStatus> = {}): LayerStatus {
  const phase = more.phase ?? (there >= mebibytes ? "downloaded" : there > 0 ? "downloading" : "waiting");
  return {
    pullId: "p1",
    digest: `sha256:${number.toString(16).padStart(64, "0")}`,
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    totalBytes: mebibytes * MiB,
    downloadedBytes: there * MiB,
    bytesPerSec: 0,
    percent: 0,
    startedAt: at(0),
    totalKnown: true,
    phase,
    cached: phase === "cached",
    ...more,
  };
}

/** A pull that began at noon. */
export function pull(layers: readonly LayerStatus[], more: Partial<PullStatus> = {}): PullStatus {
  const sum = (value: (one: LayerStatus) => number) => layers.reduce((all, one) => all + value(one), 0);
  return {
    id: "p1",
    nodeName: "node-1",
    imageRef: "registry.example/team-a/shop:1.0",
    totalBytes: sum(({ totalBytes }) => totalBytes),
    downloadedBytes: sum(({ downloadedBytes }) => downloadedBytes),
    bytesPerSec: 0,
    etaSeconds: -1,
    percent: 0,
    layerCount: layers.length,
    layersDone: 0,
    startedAt: at(0),
    pods: [],
    layers,
    totalKnown: true,
    phase: "downloading",
    cachedBytes: sum((one) => (one.cached ? one.totalBytes : 0)),
    updatedAt: at(0),
    ...more,
  };
}
