import { type FailureCode, failureCodes, isRunning, type PullPhase } from "@waybill/pulltrace/contract";
import type { PullEntry } from "../live/index.ts";

/** What the page shows of all pulls; it stands in the URL. An absent field lets everything through. */
export interface PullFilter {
  /** Words that must all occur in image, node, tenant, digest, pod or error. */
  readonly q?: string;
  readonly node?: string;
  /** Kubernetes namespace of a waiting pod. */
  readonly namespace?: string;
  readonly tenant?: string;
  readonly phase?: PhaseChoice;
  /** What made it fail. */
  readonly failure?: FailureCode;
}

export const phaseChoices = [
  "active",
  "waiting",
  "resolving",
  "downloading",
  "unpacking",
  "done",
  "failed",
  "cancelled",
] as const satisfies readonly (PullPhase | "active")[];
type PhaseChoice = (typeof phaseChoices)[number];

/** Query parameters of the page. `group` shows one row per image; `kiosk` hides the chrome. */
export interface PageSearch extends PullFilter {
  readonly group?: "image";
  readonly kiosk?: true;
}

/** Longest text that is taken from a URL. */
const textLimit = 200;

/** Reads the page's query; what makes no sense is left out rather than refused. */
export function readSearch(query: Readonly<Record<string, unknown>>): PageSearch {
  const text = (name: string): Record<string, string> => {
    const value = query[name];
    return typeof value === "string" && value !== "" ? { [name]: value.slice(0, textLimit) } : {};
  };
  const phase = phaseChoices.find((choice) => choice === query["phase"]);
  const failure = failureCodes.find((code) => code === query["failure"]);
  const kiosk = query["kiosk"] !== undefined && query["kiosk"] !== "false" && query["kiosk"] !== false;
  return {
    ...text("q"),
    ...text("node"),
    ...text("namespace"),
    ...text("tenant"),
    ...(phase === undefined ? {} : { phase }),
    ...(failure === undefined ? {} : { failure }),
    ...(query["group"] === "image" ? { group: "image" as const } : {}),
    ...(kiosk ? { kiosk: true as const } : {}),
  };
}

/** The same page with everything let through. */
export function withoutFilter({ group, kiosk }: PageSearch): PageSearch {
  return { ...(group === undefined ? {} : { group }), ...(kiosk === undefined ? {} : { kiosk }) };
}

/** From one row per pull to one per image, and back. */
export function toggleGroups({ group, ...rest }: PageSearch): PageSearch {
  return group === undefined ? { ...rest, group: "image" } : rest;
}

export function isFiltering(filter: PullFilter): boolean {
  return [filter.q, filter.node, filter.namespace, filter.tenant, filter.phase, filter.failure].some(
    (value) => value !== undefined,
  );
}

/** One string per filter and grouping: equal strings show the same rows. */
export function filterKey(filter: PageSearch): string {
  const { group, q, node, namespace, tenant, phase, failure } = filter;
  return JSON.stringify([group, q, node, namespace, tenant, phase, failure]);
}

export function filterEntries(entries: Iterable<PullEntry>, filter: PullFilter): PullEntry[] {
  const words = (filter.q ?? "")
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  const out: PullEntry[] = [];
  for (const entry of entries) if (matches(entry, filter, words)) out.push(entry);
  return out;
}

function matches(entry: PullEntry, filter: PullFilter, words: readonly string[]): boolean {
  const { pull } = entry;
  if (filter.node !== undefined && pull.nodeName !== filter.node) return false;
  if (filter.tenant !== undefined && pull.tenant !== filter.tenant) return false;
  if (filter.namespace !== undefined && !pull.pods.some((pod) => pod.namespace === filter.namespace)) return false;
  if (filter.failure !== undefined && pull.failure?.code !== filter.failure) return false;
  if (filter.phase === "active" ? !isRunning(pull) : filter.phase !== undefined && pull.phase !== filter.phase) {
    return false;
  }
  if (words.length === 0) return true;
  const text = searchText(entry);
  return words.every((word) => text.includes(word));
}

/** Kept per entry: an entry is replaced when its pull changes, so the text is never old. */
const texts = new WeakMap<PullEntry, string>();

function searchText(entry: PullEntry): string {
  const known = texts.get(entry);
  if (known !== undefined) return known;
  const { pull } = entry;
  const pods = pull.pods.map((pod) => `${pod.namespace}/${pod.podName}/${pod.container}`);
  const { imageRef, nodeName, tenant, manifestDigest, error, failure } = pull;
  const text = [imageRef, nodeName, tenant, manifestDigest, error, failure?.sentence, failure?.code, ...pods]
    .filter((part) => part !== undefined)
    .join("\n")
    .toLowerCase();
  texts.set(entry, text);
  return text;
}

export interface FilterChoices {
  readonly nodes: readonly string[];
  readonly namespaces: readonly string[];
  readonly tenants: readonly string[];
  readonly failures: readonly FailureCode[];
}

/** What can be chosen: everything that occurs, and what is chosen even if it does not occur now. */
export function filterChoices(
  entries: Iterable<PullEntry>,
  nodes: Iterable<string>,
  filter: PullFilter,
): FilterChoices {
  const found = { nodes: new Set(nodes), namespaces: new Set<string>(), tenants: new Set<string>() };
  const failures = new Set(filter.failure === undefined ? [] : [filter.failure]);
  for (const { pull } of entries) {
    if (pull.failure !== undefined) failures.add(pull.failure.code);
    found.nodes.add(pull.nodeName);
    if (pull.tenant !== undefined) found.tenants.add(pull.tenant);
    for (const pod of pull.pods) found.namespaces.add(pod.namespace);
  }
  if (filter.node !== undefined) found.nodes.add(filter.node);
  if (filter.namespace !== undefined) found.namespaces.add(filter.namespace);
  if (filter.tenant !== undefined) found.tenants.add(filter.tenant);
  const collator = new Intl.Collator("en", { numeric: true });
  return {
    nodes: [...found.nodes].sort(collator.compare),
    namespaces: [...found.namespaces].sort(collator.compare),
    tenants: [...found.tenants].sort(collator.compare),
    failures: failureCodes.filter((code) => failures.has(code)),
  };
}
