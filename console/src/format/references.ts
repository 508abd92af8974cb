import { registryOf } from "@waybill/pulltrace/contract";

export interface ImageName {
  /** `host[:port]`, empty when the reference has none. */
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: string;
}

/** Cuts `host[:port]/repository:tag@digest` into its parts. */
export function splitImageReference(reference: string): ImageName {
  const at = reference.indexOf("@");
  const digest = at < 0 ? undefined : reference.slice(at + 1);
  let name = at < 0 ? reference : reference.slice(0, at);
  const colon = name.lastIndexOf(":");
  let tag: string | undefined;
  if (colon > name.lastIndexOf("/")) {
    tag = name.slice(colon + 1);
    name = name.slice(0, colon);
  }
  const registry = registryOf(name);
  return {
    registry,
    repository: registry === "" ? name : name.slice(registry.length + 1),
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** The name as a person says it: `team/api:1.4`, or `team/api@0123456789ab` while no tag is known. */
export function shortImageName(reference: string): string {
  const name = splitImageReference(reference);
  if (name.tag !== undefined) return `${name.repository}:${name.tag}`;
  if (name.digest !== undefined) return `${name.repository}@${shortDigest(name.digest)}`;
  return name.repository;
}

/** The first twelve hexadecimal digits, as docker and git show them. */
export function shortDigest(digest: string): string {
  const colon = digest.indexOf(":");
  return digest.slice(colon + 1, colon + 13);
}

/** `application/vnd.oci.image.layer.v1.tar+gzip` → `tar+gzip`; empty while the manifest was not read. */
export function shortMediaType(mediaType: string): string {
  const layer = /(?:layer|rootfs)(?:\.[a-z0-9]+)*?\.(tar)(?:[.+](\w+))?$/.exec(mediaType);
  if (layer !== null) return layer[2] === undefined ? "tar" : `tar+${layer[2]}`;
  return mediaType.replace(/^application\/(vnd\.)?/, "");
}
