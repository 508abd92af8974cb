import type { ContentInfo, Ingest } from "../containerd/index.ts";
import type { LayerDescriptor } from "../observation/index.ts";
import { isOnNode, type TrackedLayer } from "./state.ts";

/** containerd writes it on a layer's content once the layer was unpacked and its digest found right. */
const unpackedLabel = "containerd.io/uncompressed";

/** What one look says about one layer of one pull. */
export interface LayerFacts {
  readonly content: ContentInfo | undefined;
  /** The download of this blob in this namespace, whoever writes it: containerd fetches a shared layer once. */
  readonly ingest: Ingest | undefined;
  /** Lease whose client writes that download, when it is another one. */
  readonly writtenBy?: string;
  /** Its snapshot is committed although its content is not there. */
  readonly snapshot: boolean;
  /** A snapshot named `extract-…` for its chain id is active in this pull's lease. */
  readonly extracting: boolean;
}

/**
 * The layer after this look.
 * - Content from before the pull's lease, or a snapshot without content: `cached`. It was on the node.
 * - Content with the label: `done`. Content with an active extract snapshot: `unpacking` (containerd 2.x prepares that
 *   snapshot when the download begins, so it says nothing until the content is there). Content alone: `downloaded`.
 * - A download: `downloading`, with its bytes, for every pull that needs the layer.
 * - Neither: `waiting`. Bytes that were there are kept: between the last byte and the commit containerd shows neither.
 */
export function layerAfter(
  descriptor: LayerDescriptor,
  before: TrackedLayer | undefined,
  facts: LayerFacts,
  pull: { readonly startedAt: number; readonly at: number },
): TrackedLayer {
  const size = descriptor.size > 0 ? descriptor.size : (facts.content?.size ?? facts.ingest?.total ?? 0);
  const base = { digest: descriptor.digest, mediaType: descriptor.mediaType, size, sizeKnown: size > 0 };
  const times = {
    ...(before?.startedAt === undefined ? {} : { startedAt: before.startedAt }),
    ...(before?.completedAt === undefined ? {} : { completedAt: before.completedAt }),
  };
  if (
    before?.cached === true ||
    (facts.content === undefined ? facts.snapshot : facts.content.createdAt < pull.startedAt)
  ) {
    // A snapshot that this very pull committed is not older than it; its layer was followed before.
    if (before === undefined || before.cached || before.phase === "waiting") {
      return { ...base, downloadedBytes: size, phase: "cached", cached: true };
    }
  }
  if (facts.content !== undefined) {
    const unpacked = facts.content.labels[unpackedLabel] !== undefined;
    return {
      ...base,
      ...times,
      downloadedBytes: size,
      phase: unpacked ? "done" : facts.extracting ? "unpacking" : "downloaded",
      cached: false,
      startedAt: before?.startedAt ?? facts.content.createdAt,
      completedAt: before?.completedAt ?? facts.content.createdAt,
    };
  }
  if (facts.ingest !== undefined) {
    const downloadedBytes = size > 0 ? Math.min(facts.ingest.offset, size) : facts.ingest.offset;
    return {
      ...base,
      downloadedBytes,
      phase: "downloading",
      cached: false,
      ...(facts.writtenBy === undefined ? {} : { writtenBy: facts.writtenBy }),
      startedAt: before?.startedAt ?? Math.max(facts.ingest.startedAt, pull.startedAt),
    };
  }
  if (before !== undefined && isOnNode(before.phase)) return before;
  return { ...base, ...times, downloadedBytes: before?.downloadedBytes ?? 0, phase: "waiting", cached: false };
}
