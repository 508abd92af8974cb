export const mediaTypes = {
  ociImage: "application/vnd.oci.image.manifest.v1+json",
  ociIndex: "application/vnd.oci.image.index.v1+json",
  dockerImage: "application/vnd.docker.distribution.manifest.v2+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
} as const;

/** RFC 6838 section 4.2: type and subtype, each at most 127 characters of a small set. */
const pattern = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/i;

/** The media type without parameters, undefined when the text has none. */
export function parseMediaType(text: string): string | undefined {
  const end = text.indexOf(";");
  const type = (end === -1 ? text : text.slice(0, end)).trim();
  return type.length <= 255 && pattern.test(type) ? type : undefined;
}

/** Layers that may stay where their `urls` lead, and need not be pushed (OCI Image Spec, "Non-Distributable Layers"). */
export function mayLieElsewhere(mediaType: string): boolean {
  return (
    mediaType.startsWith("application/vnd.oci.image.layer.nondistributable.") ||
    mediaType.startsWith("application/vnd.docker.image.rootfs.foreign.")
  );
}

/** Schema 1: signed, digested over a part of itself, given up by every client years ago. */
export function isSchema1(mediaType: string): boolean {
  return mediaType.startsWith("application/vnd.docker.distribution.manifest.v1+");
}
