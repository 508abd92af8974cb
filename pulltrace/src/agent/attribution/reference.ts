import { reportForms } from "../../contract/index.ts";
import type { ContentInfo, ImageRecord } from "../containerd/index.ts";

const sourceLabel = "containerd.io/distribution.source.";

/** Where a blob came from, as its labels say: host without port, repository. A label may name several repositories. */
export interface Source {
  readonly hostname: string;
  readonly repositories: readonly string[];
}

export function sourcesOf(info: ContentInfo): Source[] {
  return Object.entries(info.labels)
    .filter(([label, value]) => label.startsWith(sourceLabel) && value !== "")
    .map(([label, value]) => ({ hostname: label.slice(sourceLabel.length), repositories: value.split(",") }));
}

/** A reference in its parts; `host` carries the port. Undefined for a bare image id as CRI keeps it. */
export interface ReferenceParts {
  readonly host: string;
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: string;
}

export function referenceParts(name: string): ReferenceParts | undefined {
  const slash = name.indexOf("/");
  if (slash <= 0) return undefined;
  const host = name.slice(0, slash);
  const [path = "", digest] = name.slice(slash + 1).split("@");
  const colon = path.indexOf(":");
  const repository = colon === -1 ? path : path.slice(0, colon);
  if (repository === "") return undefined;
  return {
    host,
    repository,
    ...(colon === -1 ? {} : { tag: path.slice(colon + 1) }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/**
 * The name of the image that is being pulled.
 *
 * 1. An image record of the same root from one of the sources, the one written last, a tag before a digest: exact.
 *    A record older than the pull counts only when there is no newer one (the same image pulled again).
 * 2. Before the record exists nothing in containerd says the tag, so `host/repository@digest` and no guess. The label's
 *    host has no port; when all images of this host on the node share one port, it is that one.
 *
 * Undefined while not even the repository is known.
 */
export function imageReference(question: {
  readonly rootDigest: string;
  readonly sources: readonly Source[];
  readonly records: readonly ImageRecord[];
  readonly knownHosts: Readonly<Record<string, readonly string[]>>;
  readonly startedAt: number;
}): string | undefined {
  const record = question.records
    .filter((one) => one.target === question.rootDigest && fits(one.name, question.sources))
    .toSorted((one, other) => rank(other, question.startedAt) - rank(one, question.startedAt))[0];
  if (record !== undefined) return record.name;
  const source = question.sources[0];
  const repository = source?.repositories[0];
  if (source === undefined || repository === undefined) return undefined;
  const forms = question.knownHosts[source.hostname] ?? [];
  const host = forms.length === 1 ? (forms[0] ?? source.hostname) : source.hostname;
  const name = `${host}/${repository}@${question.rootDigest}`;
  return isTellable(name) ? name : undefined;
}

/** A client may give an image any name and label it with anything; the server refuses a report that has it. */
function isTellable(name: string): boolean {
  return name.length <= reportForms.longestReference && reportForms.plain.test(name);
}

function fits(name: string, sources: readonly Source[]): boolean {
  const parts = referenceParts(name);
  if (parts === undefined || !isTellable(name)) return false;
  if (sources.length === 0) return true;
  const hostname = parts.host.replace(/:\d+$/, "");
  return sources.some((source) => source.hostname === hostname && source.repositories.includes(parts.repository));
}

function rank(record: ImageRecord, startedAt: number): number {
  const written = Math.max(record.updatedAt, record.createdAt);
  const ofThisPull = written >= startedAt ? 4e15 : 0;
  // CRI writes tag and digest within a moment of each other: the tag is what people call it.
  const tagged = referenceParts(record.name)?.tag === undefined ? 0 : 2e15;
  return ofThisPull + tagged + written;
}
