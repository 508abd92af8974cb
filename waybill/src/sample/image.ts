import { architectureHere, describeImage, type OciImage } from "../oci-image/index.ts";
import { describeLayer, type SampleLayer, type SampleLayerInit } from "./layer.ts";

export interface SampleImageInit {
  /** Repository, `<tenant>/<name…>`. */
  readonly name: string;
  /** `1.0` when absent. */
  readonly tag?: string;
  /** Base first. Two images share a layer by describing it alike. */
  readonly layers: readonly SampleLayerInit[];
  /** This machine's when absent, so that containerd here unpacks it. */
  readonly architecture?: string;
}

export interface SampleImage extends OciImage {
  readonly layers: readonly SampleLayer[];
}

/** Config and manifest for the described layers. Reads each layer's stream once; holds none of it. */
export async function buildSampleImage(init: SampleImageInit): Promise<SampleImage> {
  const layers: SampleLayer[] = [];
  for (const layer of init.layers) layers.push(await describeLayer(layer));
  const image = describeImage({
    name: init.name,
    tag: init.tag ?? "1.0",
    architecture: init.architecture ?? architectureHere,
    created: "2026-01-01T00:00:00Z",
    layers: layers.map((layer) => ({ ...layer, createdBy: `waybill sample ${layer.seed}` })),
    config: { Labels: { "org.opencontainers.image.title": init.name, "dev.waybill.sample": "true" } },
  });
  return { ...image, layers };
}
