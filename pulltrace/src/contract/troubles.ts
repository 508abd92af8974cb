import type { FailureCode } from "./failure.ts";
import { type Members, nodesOf, podsOf, put } from "./members.ts";
import type { PullStatus } from "./pull.ts";
import type { PullWait } from "./waiting.ts";

/** Pulls that fail for one and the same reason, told as one thing. */
export interface Trouble {
  /** The same as long as it is the same trouble. */
  readonly key: string;
  readonly code: FailureCode;
  /** What is at fault, and so what the pulls have in common. */
  readonly scope: "image" | "registry" | "node";
  /** One of the images, and how many there are: several where the registry or the disk is at fault. */
  readonly imageRef: string;
  readonly images: number;
  /** One of the nodes, and how many there are. */
  readonly nodeName: string;
  readonly nodes: number;
  /** Different pods that wait. */
  readonly pods: number;
  /** RFC 3339: since when the one that has waited longest waits; without pods that are known to wait there is none. */
  readonly since?: string;
  /** What to do; empty when nothing is known. */
  readonly advice: string;
  /** Of the failing pull that is tried again first. */
  readonly nextTryAt?: string;
  readonly waitsFor?: PullWait;
}

/** The registry is at fault, whatever is asked of it. */
const registryWide: ReadonlySet<FailureCode> = new Set([
  "certificate",
  "name-resolution",
  "timeout",
  "connection",
  "rate-limited",
  "server-error",
]);

/** So many images of one registry that fail alike are not each to blame. */
const fewestOfRegistry = 3;

/** Adds up failing pulls, each as its reader may see it. */
export function sumTroubles(): { add(pull: PullStatus): void; result(): Trouble[] } {
  const byFault = new Map<string, Members>();
  return {
    add: (pull) => put(byFault, keyOf(scopeOf(pull), pull), pull),
    /** Those that keep most pods waiting first. */
    result() {
      const troubles = [...byRegistry(byFault)].map(([key, members]) => troubleOf(key, members));
      return troubles.toSorted((a, b) => b.pods - a.pods || b.nodes - a.nodes || (a.key < b.key ? -1 : 1));
    },
  };
}

/** By image, by registry where it is the registry's fault; a full disk is one cause on however many nodes. */
function keyOf(scope: Trouble["scope"], pull: PullStatus): string {
  const code = codeOf(pull);
  if (scope === "node") return code;
  return `${code} ${scope === "registry" ? registryOf(pull.imageRef) : pull.imageRef}`;
}

function scopeOf(pull: PullStatus): Trouble["scope"] {
  const code = codeOf(pull);
  if (code === "no-space") return "node";
  return registryWide.has(code) && registryOf(pull.imageRef) !== "" ? "registry" : "image";
}

/**
 * Many images of one registry that are all not found, or all refused, have one cause: a registry that lost them, or
 * credentials that are no longer good. What is not understood stays apart: its messages differ.
 */
function byRegistry(byFault: ReadonlyMap<string, Members>): ReadonlyMap<string, Members> {
  const images = new Map<string, string[]>();
  for (const [key, [pull]] of byFault) {
    if (scopeOf(pull) !== "image" || codeOf(pull) === "unknown" || registryOf(pull.imageRef) === "") continue;
    const registry = keyOf("registry", pull);
    const keys = images.get(registry);
    if (keys === undefined) images.set(registry, [key]);
    else keys.push(key);
  }
  const merged = new Map(byFault);
  for (const [registry, keys] of images) {
    if (keys.length < fewestOfRegistry) continue;
    for (const key of keys) {
      for (const pull of byFault.get(key) ?? []) put(merged, registry, pull);
      merged.delete(key);
    }
  }
  return merged;
}

function codeOf(pull: PullStatus): FailureCode {
  return pull.failure?.code ?? "unknown";
}

/**
 * `host[:port]` of an image reference; empty when it has none. As in the distribution reference grammar the first element
 * is a host only when it has a dot or a colon, or is `localhost`.
 */
export function registryOf(imageRef: string): string {
  const first = imageRef.slice(0, Math.max(0, imageRef.indexOf("/")));
  return first.includes(".") || first.includes(":") || first === "localhost" ? first : "";
}

function troubleOf(key: string, members: Members): Trouble {
  const time = ({ nextTryAt }: PullStatus): number => (nextTryAt === undefined ? Infinity : Date.parse(nextTryAt));
  const next = members.reduce((a, b) => (time(b) < time(a) ? b : a));
  const [{ imageRef, nodeName }] = members;
  const images = new Set(members.map((pull) => pull.imageRef)).size;
  const scope = scopeOf(members[0]);
  const since = longestWait(members);
  return {
    key,
    code: codeOf(members[0]),
    scope: scope === "image" && images > 1 ? "registry" : scope,
    imageRef,
    images,
    nodeName,
    nodes: nodesOf(members),
    pods: podsOf(members),
    ...(since === undefined ? {} : { since }),
    advice: next.failure?.advice ?? "",
    ...(next.nextTryAt === undefined ? {} : { nextTryAt: next.nextTryAt }),
    ...(next.waitsFor === undefined ? {} : { waitsFor: next.waitsFor }),
  };
}

/** The server writes all times in one form, so that they sort as text. */
function longestWait(members: Members): string | undefined {
  let first: string | undefined;
  for (const { pods } of members) {
    for (const { since } of pods) if (since !== undefined && (first === undefined || since < first)) first = since;
  }
  return first;
}
