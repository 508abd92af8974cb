import { describe, expect, it } from "vitest";
import { layerAfter, type LayerFacts } from "./layers.ts";

const digest = `sha256:${"a".repeat(64)}`;
const descriptor = { digest, size: 100, mediaType: "application/vnd.oci.image.layer.v1.tar+gzip" };
const pull = { startedAt: 1000, at: 5000 };
const nothing: LayerFacts = { content: undefined, ingest: undefined, snapshot: false, extracting: false };
const content = (createdAt: number, labels: Record<string, string> = {}) => ({
  digest,
  size: 100,
  createdAt,
  updatedAt: createdAt,
  labels,
});
const ingest = (offset: number, startedAt = 1500) => ({
  ref: `layer-${digest}`,
  offset,
  total: 100,
  startedAt,
  updatedAt: startedAt,
});
const unpacked = { "containerd.io/uncompressed": digest };
const look = (facts: Partial<LayerFacts>, before?: Parameters<typeof layerAfter>[1]) =>
  layerAfter(descriptor, before, { ...nothing, ...facts }, pull);

describe("a layer", () => {
  it("that nobody fetches yet waits, its size known", () => {
    expect(look({})).toMatchObject({ phase: "waiting", downloadedBytes: 0, size: 100, sizeKnown: true });
  });

  it("that is being fetched downloads, with its bytes", () => {
    expect(look({ ingest: ingest(40) })).toMatchObject({ phase: "downloading", downloadedBytes: 40, startedAt: 1500 });
  });

  it("whose download began before this pull starts with this pull", () => {
    expect(look({ ingest: ingest(40, 200) })).toMatchObject({ startedAt: 1000 });
  });

  it("never has more bytes than its size", () => {
    expect(look({ ingest: ingest(400) }).downloadedBytes).toBe(100);
  });

  it("with content from before the pull is cached", () => {
    expect(look({ content: content(999, unpacked) })).toMatchObject({
      phase: "cached",
      cached: true,
      downloadedBytes: 100,
    });
  });

  it("whose snapshot is there without content is cached", () => {
    expect(look({ snapshot: true })).toMatchObject({ phase: "cached", cached: true });
  });

  it("that came with this pull is downloaded, unpacking while a snapshot is filled, then done", () => {
    const arrived = look({ content: content(2000) }, look({ ingest: ingest(40) }));
    expect(arrived).toMatchObject({ phase: "downloaded", cached: false, startedAt: 1500, completedAt: 2000 });
    const unpacking = look({ content: content(2000), extracting: true }, arrived);
    expect(unpacking.phase).toBe("unpacking");
    expect(look({ content: content(2000, unpacked) }, unpacking)).toMatchObject({ phase: "done", completedAt: 2000 });
  });

  it("with an extract snapshot but without content still downloads, as containerd 2.x does it", () => {
    expect(look({ ingest: ingest(40), extracting: true }).phase).toBe("downloading");
  });

  it("between its last byte and its commit keeps its bytes", () => {
    expect(look({}, look({ ingest: ingest(90) }))).toMatchObject({ phase: "waiting", downloadedBytes: 90 });
  });

  it("whose own snapshot outlives its content is not cached afterwards", () => {
    const done = look({ content: content(2000, unpacked) });
    expect(look({ snapshot: true }, done)).toMatchObject({ phase: "done", cached: false });
  });

  it("without a size in the manifest gets it from the download", () => {
    const sizeless = { ...descriptor, size: 0 };
    expect(layerAfter(sizeless, undefined, nothing, pull)).toMatchObject({ sizeKnown: false, size: 0 });
    expect(layerAfter(sizeless, undefined, { ...nothing, ingest: ingest(40) }, pull)).toMatchObject({
      sizeKnown: true,
      size: 100,
    });
    const unknown = { ...ingest(40), total: 0 };
    expect(layerAfter(sizeless, undefined, { ...nothing, ingest: unknown }, pull)).toMatchObject({
      sizeKnown: false,
      downloadedBytes: 40,
    });
  });
});
