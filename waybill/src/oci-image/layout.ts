import { createWriteStream } from "node:fs";
import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { OciImage } from "./image.ts";

function blobPath(folder: string, digest: string): string {
  const [algorithm = "", hex = ""] = digest.split(":");
  return join(folder, "blobs", algorithm, hex);
}

/**
 * Writes images as one OCI layout folder ("image-layout.md"), which skopeo reads as `oci:FOLDER:NAME:TAG`. Layers go to
 * disk as they are made; blobs that are already there stay.
 */
export async function writeOciLayout(folder: string, ...images: readonly OciImage[]): Promise<void> {
  await mkdir(join(folder, "blobs", "sha256"), { recursive: true });
  for (const image of images) {
    for (const layer of image.layers) {
      const path = blobPath(folder, layer.digest);
      const there = await access(path).then(
        () => true,
        () => false,
      );
      if (!there) await pipeline(layer.open(), createWriteStream(path));
    }
    for (const { digest, bytes } of [
      image.config,
      image.manifest,
      ...(image.index === undefined ? [] : [image.index]),
    ]) {
      await writeFile(blobPath(folder, digest), bytes);
    }
  }
  const manifests = images.map(({ name, tag, manifest, index }) => {
    const { mediaType, digest, size } = index ?? manifest;
    return { mediaType, digest, size, annotations: { "org.opencontainers.image.ref.name": `${name}:${tag}` } };
  });
  await writeFile(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  await writeFile(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
}
