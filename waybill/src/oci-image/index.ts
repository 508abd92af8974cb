/**
 * OCI images, made by our own code: an archive that is the same for the same files, an image that describes its layers,
 * a layout folder that holds it, and the push that brings it into a registry. Layers are opened when somebody reads
 * them; none is ever held in memory.
 */
export { archiveOf, type ArchiveEntry } from "./archive.ts";
export { architectureHere, describeImage, type ImageInit, type ImageLayer, type OciImage } from "./image.ts";
export { writeLayer } from "./layer-file.ts";
export { writeOciLayout } from "./layout.ts";
export { pushImage, PushError, type PushOptions, type PushProgress } from "./push.ts";
export { tarEnd, tarHeader, tarPadding, type TarEntry } from "./tar.ts";
