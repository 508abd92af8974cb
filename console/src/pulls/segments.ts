import type { LayerPhase, LayerStatus, PullStatus } from "@waybill/pulltrace/contract";

/** One layer's part of the bar. */
export interface Segment {
  readonly key: string;
  /** Share of the bar's width, a weight: sizes, but never too thin to be seen. */
  readonly weight: number;
  /** 0..1 of the segment is filled. */
  readonly filled: number;
  readonly phase: LayerPhase;
}

/** A layer is drawn at least as wide as this share of the whole. */
const thinnest = 0.006;
/** More layers than this are drawn as one: no eye separates them. */
const mostSegments = 80;

/** Cuts the bar into the image's layers, base first. Empty while no size is known. */
export function segmentsOf(pull: PullStatus): readonly Segment[] {
  const layers = pull.layers;
  if (layers.length === 0 || !layers.some((layer) => layer.totalKnown && layer.totalBytes > 0)) return [];
  if (layers.length > mostSegments) {
    const filled = pull.totalBytes > 0 ? clamp(pull.downloadedBytes / pull.totalBytes) : 0;
    return [{ key: "all", weight: 1, filled, phase: pull.phase === "unpacking" ? "unpacking" : "downloading" }];
  }
  const total = layers.reduce((sum, layer) => sum + Math.max(0, layer.totalBytes), 0);
  return layers.map((layer, at) => ({
    key: `${at} ${layer.digest}`,
    weight: Math.max(thinnest, layer.totalBytes / total),
    filled: filledOf(layer),
    phase: layer.phase,
  }));
}

function filledOf(layer: LayerStatus): number {
  if (layer.phase === "waiting") return 0;
  if (layer.phase !== "downloading" && layer.phase !== "failed") return 1;
  return layer.totalKnown && layer.totalBytes > 0 ? clamp(layer.downloadedBytes / layer.totalBytes) : 0;
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}
