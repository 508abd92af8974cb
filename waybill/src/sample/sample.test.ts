import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { buildSampleImage, describeLayer, layerMediaTypes, writeOciLayout } from "./index.ts";

async function bytesOf(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

interface TarEntry {
  readonly path: string;
  readonly type: string;
  readonly content: Buffer;
}

/** Reads ustar as a stranger would: each header's sum and magic count, two zero blocks end it. */
function readTar(tar: Buffer): { readonly entries: TarEntry[]; readonly restBytes: number } {
  const entries: TarEntry[] = [];
  let at = 0;
  while (tar.readUInt8(at) !== 0) {
    const block = tar.subarray(at, at + 512);
    const sum = block.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0);
    if (parseInt(block.toString("latin1", 148, 155), 8) !== sum) throw new Error(`wrong sum in the header at ${at}`);
    if (block.toString("latin1", 257, 265) !== "ustar\u000000") throw new Error(`no ustar header at ${at}`);
    const size = parseInt(block.toString("latin1", 124, 135), 8);
    entries.push({
      path: block.toString("utf8", 0, block.indexOf(0)),
      type: block.toString("latin1", 156, 157),
      content: tar.subarray(at + 512, at + 512 + size),
    });
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return { entries, restBytes: tar.length - at };
}

describe("a sample layer", () => {
  it.each(layerMediaTypes)("has the digest, size and diff id that it says (%s)", async (mediaType) => {
    const layer = await describeLayer({ sizeBytes: 1_000_001, seed: "one", mediaType });
    const bytes = await bytesOf(layer.open());
    expect(sha256(bytes)).toBe(layer.digest);
    expect(bytes.length).toBe(layer.sizeBytes);
    const plain = mediaType.endsWith("gzip")
      ? gunzipSync(bytes)
      : mediaType.endsWith("zstd")
        ? zstdDecompressSync(bytes)
        : bytes;
    expect(sha256(plain)).toBe(layer.diffId);
  });

  it("is a tar archive whose files hold as many bytes as asked for, in files of at most 8 MiB", async () => {
    const layer = await describeLayer({
      sizeBytes: 9 * 1024 * 1024 + 3,
      seed: "a/b c",
      mediaType: "application/vnd.oci.image.layer.v1.tar",
    });
    const { entries, restBytes } = readTar(await bytesOf(layer.open()));
    expect(restBytes).toBe(1024);
    expect(entries.map(({ path, type, content }) => [path, type, content.length])).toEqual([
      ["opt/", "5", 0],
      ["opt/a-b-c/", "5", 0],
      ["opt/a-b-c/part-0001.bin", "0", 8 * 1024 * 1024],
      ["opt/a-b-c/part-0002.bin", "0", 1024 * 1024 + 3],
    ]);
  });

  it("cannot be compressed, so that its size is the bytes that travel", async () => {
    const layer = await describeLayer({ sizeBytes: 500_000, seed: "noise" });
    expect(layer.sizeBytes).toBeGreaterThan(500_000);
    expect(layer.sizeBytes).toBeLessThan(505_000);
  });

  it("is the same for the same seed and another for another", async () => {
    const layers = await Promise.all(["x", "x", "y"].map((seed) => describeLayer({ sizeBytes: 5000, seed })));
    expect(layers[1]?.digest).toBe(layers[0]?.digest);
    expect(layers[2]?.digest).not.toBe(layers[0]?.digest);
  });

  it.each([0, -1, 1.5, Number.NaN])("refuses a size of %d bytes", async (sizeBytes) => {
    await expect(describeLayer({ sizeBytes, seed: "x" })).rejects.toThrow("at least 1");
  });
});

describe("a sample image", () => {
  it("names its config and layers in the manifest and the diff ids in the config, base first", async () => {
    const image = await buildSampleImage({
      name: "team-a/app",
      layers: [
        { sizeBytes: 100, seed: "base" },
        { sizeBytes: 200, seed: "app", mediaType: "application/vnd.oci.image.layer.v1.tar+zstd" },
      ],
      architecture: "arm64",
    });
    const manifest = JSON.parse(image.manifest.bytes.toString()) as Record<string, unknown>;
    expect(sha256(image.manifest.bytes)).toBe(image.manifest.digest);
    expect(manifest).toMatchObject({
      schemaVersion: 2,
      config: { digest: sha256(image.config.bytes), size: image.config.bytes.length },
      layers: image.layers.map(({ digest, sizeBytes, mediaType }) => ({ digest, size: sizeBytes, mediaType })),
    });
    expect(JSON.parse(image.config.bytes.toString())).toMatchObject({
      os: "linux",
      architecture: "arm64",
      rootfs: { type: "layers", diff_ids: image.layers.map((layer) => layer.diffId) },
    });
  });

  it("shares a layer with another image that describes it alike, and the layout folder holds it once", async () => {
    const base = { sizeBytes: 3000, seed: "base" };
    const one = await buildSampleImage({ name: "team-a/one", layers: [base, { sizeBytes: 100, seed: "1" }] });
    const two = await buildSampleImage({ name: "team-b/two", layers: [base, { sizeBytes: 100, seed: "2" }] });
    const folder = await mkdtemp(join(tmpdir(), "waybill-layout-"));
    try {
      await writeOciLayout(folder, one, two);
      const blobs = await readdir(join(folder, "blobs", "sha256"));
      expect(blobs).toHaveLength(3 + 2 + 2);
      for (const name of blobs) {
        expect(sha256(await readFile(join(folder, "blobs", "sha256", name)))).toBe(`sha256:${name}`);
      }
      const index = JSON.parse(await readFile(join(folder, "index.json"), "utf8")) as { manifests: unknown[] };
      expect(index.manifests).toHaveLength(2);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
