import { withoutSecrets } from "../../answers/index.ts";

/** An image's name, as containerd normalises it. */
export interface ImageName {
  /** `docker.io` where none is written; with its port. */
  readonly host: string;
  /** `library/nginx` */
  readonly repository: string;
  /** `latest` where neither tag nor digest is written. */
  readonly tag?: string;
  readonly digest?: string;
}

const repositoryForm = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const hostForm = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?$/;
const tagForm = /^\w[\w.-]{0,127}$/;
const digestForm = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-f]{32,128}$/;
const longestName = 1_024;
/** Not left out: what is left could be the name of another image. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Reads an image reference (distribution reference grammar; Docker's rules for what is a host). Undefined for what is
 * none.
 */
export function readImageName(text: string): ImageName | undefined {
  if (text.length > longestName) return undefined;
  const at = text.indexOf("@");
  const digest = at === -1 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !digestForm.test(digest)) return undefined;
  const named = at === -1 ? text : text.slice(0, at);
  const colon = named.indexOf(":", named.lastIndexOf("/") + 1);
  const tag = colon === -1 ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !tagForm.test(tag)) return undefined;
  const path = colon === -1 ? named : named.slice(0, colon);
  const slash = path.indexOf("/");
  const first = slash === -1 ? "" : path.slice(0, slash);
  const isHost = slash !== -1 && (/[.:[]/.test(first) || first === "localhost" || first !== first.toLowerCase());
  const given = isHost ? first : "docker.io";
  const host = given === "index.docker.io" ? "docker.io" : given;
  const rest = isHost ? path.slice(slash + 1) : path;
  const repository = host === "docker.io" && !rest.includes("/") ? `library/${rest}` : rest;
  if (!hostForm.test(host) || !repositoryForm.test(repository)) return undefined;
  return {
    host,
    repository,
    ...(tag === undefined ? (digest === undefined ? { tag: "latest" } : {}) : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/**
 * The whole name: `docker.io/library/nginx:1.27`. A pod may want anything: what is no name stays what it is as far as it
 * can be shown, and gives no access that was written into it.
 */
export function fullImageName(text: string): string {
  const name = readImageName(text);
  if (name === undefined) return withoutSecrets(text.slice(0, longestName).replaceAll(unprintable, "\ufffd"));
  const tag = name.tag === undefined ? "" : `:${name.tag}`;
  const digest = name.digest === undefined ? "" : `@${name.digest}`;
  return `${name.host}/${name.repository}${tag}${digest}`;
}

/**
 * Whether two names are of one repository. containerd's labels have the host without its port, so a host without one
 * may be any host of that name.
 */
export function sameRepository(a: ImageName, b: ImageName): boolean {
  if (a.repository !== b.repository) return false;
  if (a.host === b.host) return true;
  const [bareA, bareB] = [withoutPort(a.host), withoutPort(b.host)];
  return bareA === bareB && (bareA === a.host || bareB === b.host);
}

function withoutPort(host: string): string {
  return host.replace(/:\d+$/, "");
}

/**
 * How surely a pull (its name, and its platform's manifest once known) is of the image that a pod wants:
 * - `exact`: same tag or same digest
 * - `possible`: same repository, and what is known of each does not tell (the pull has no tag yet, or the pod wants the
 *   digest of an index whose platform manifest the pull names)
 */
export function matchImage(
  wanted: ImageName,
  pull: { readonly name: ImageName; readonly manifestDigest?: string | undefined },
): "exact" | "possible" | "none" {
  const { name } = pull;
  if (!sameRepository(wanted, name)) return "none";
  if (wanted.digest !== undefined) {
    if (wanted.digest === name.digest || wanted.digest === pull.manifestDigest) return "exact";
    return name.tag !== undefined && name.digest === undefined && name.tag !== wanted.tag ? "none" : "possible";
  }
  if (name.tag === undefined) return "possible";
  return name.tag === wanted.tag ? "exact" : "none";
}
