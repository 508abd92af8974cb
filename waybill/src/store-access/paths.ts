import { parseDigest, type Digest, type RepositoryName } from "@waybill/artifact-store";
import { UserError } from "@waybill/foundation/errors";
import type { PageAsked, Reference } from "./contract.ts";

/** A repository in a path of `/api/v1`; one element called `manifests` would else seem to be the path's own. */
export function nameIn(repository: RepositoryName): string {
  return repository.split("/").includes("manifests") ? encodeURIComponent(repository) : repository;
}

export function textOf(reference: Reference): string {
  return "tag" in reference ? reference.tag : reference.digest;
}

export function manifestPath(repository: RepositoryName, reference: Reference): string {
  return `/api/v1/repositories/${nameIn(repository)}/manifests/${textOf(reference)}`;
}

/** One hold or pin of a manifest. */
export function reasonPath(
  repository: RepositoryName,
  reference: Reference,
  kind: "holds" | "pins",
  name: string,
): string {
  return `${manifestPath(repository, reference)}/${kind}/${encodeURIComponent(name)}`;
}

export function queryOf({ cursor, limit }: PageAsked): string {
  return new URLSearchParams({ limit: String(limit), ...(cursor === undefined ? {} : { cursor }) }).toString();
}

/** A digest that a server names. @throws UserError when it is none */
export function digestIn(header: string | string[] | undefined): Digest {
  const digest = typeof header === "string" ? parseDigest(header) : undefined;
  if (digest === undefined) throw new UserError("the server does not say a digest", "Is this a registry?");
  return digest;
}

/** Where an upload goes on. `0-0` stands for nothing and for one byte; to begin again at 0 is right or refused. */
export function offsetIn(range: string | undefined): number {
  const last = Number(/^(?:bytes=)?0-(\d{1,15})$/.exec(range ?? "")?.[1] ?? 0);
  return last === 0 ? 0 : last + 1;
}
