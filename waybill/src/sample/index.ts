/**
 * Sample images, made by our own code: real OCI images whose layers are deterministic, incompressible and unpackable.
 * A layer is described, not stored: its bytes are made again, as a stream, whenever somebody asks for them, so that an
 * image of any size costs no memory and no disk. The same description is the same layer, bit for bit: that is how two
 * images share one.
 */
export { buildSampleImage, type SampleImage, type SampleImageInit } from "./image.ts";
export {
  describeLayer,
  layerMediaTypes,
  type LayerMediaType,
  type SampleLayer,
  type SampleLayerInit,
} from "./layer.ts";
export { writeOciLayout, pushImage, PushError, type PushOptions, type PushProgress } from "../oci-image/index.ts";
