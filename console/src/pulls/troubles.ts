import { type CauseKind, type Delay, registryOf, type Trouble } from "@waybill/pulltrace/contract";
import { formatAge, formatTimeLeft, shortImageName } from "../format/index.ts";
import { shortCause } from "./advice.ts";
import type { PullFilter } from "./filter.ts";
import { nextTry } from "./time-left.ts";

/** Shows exactly the pulls of the trouble. */
export function troubleFilter(trouble: Trouble): PullFilter {
  const { scope, code, images, imageRef, nodeName } = trouble;
  const filter = { phase: "failed" as const, ...(code === "unknown" ? {} : { failure: code }) };
  return {
    ...filter,
    ...(scope === "node" && trouble.nodes === 1 ? { node: nodeName } : {}),
    ...(images === 1 ? { q: imageRef } : scope === "registry" ? { q: `${registryOf(imageRef)}/` } : {}),
  };
}

/** `30 nodes cannot pull team-a/web:2.0: not found. 57 pods wait, for up to 14 min. Next try in 40 s.` */
export function troubleSentence(trouble: Trouble, now: number): string {
  const { images, imageRef, nodes, nodeName, pods, since, code, scope } = trouble;
  const who = nodes === 1 ? `${nodeName} cannot pull` : `${count(nodes, "node")} cannot pull`;
  const whose = scope === "registry" ? ` of ${registryOf(imageRef)}` : "";
  const what = images === 1 ? shortImageName(imageRef) : `${count(images, "image")}${whose}`;
  const { text } = nextTry(trouble, now);
  return `${who} ${what}: ${shortCause(code)}.${podsWait(pods, since, now)} ${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

const delayWords: Readonly<Record<CauseKind, string>> = {
  "other-pull": "layers that another pull of the node is fetching",
  queue: "others of the node go first",
  stalled: "no bytes coming in",
  "one-layer": "one large layer",
  "shared-link": "other pulls of the node share its link",
  registry: "slow registry",
  link: "slower link than usual",
  unpack: "unpacking",
  "slow-disk": "slow disk",
  "rate-limit": "rate limit of the registry",
};
const wordsByKind: ReadonlyMap<string, string> = new Map(Object.entries(delayWords));

/**
 * `team-a/web:2.0 and 2 more pulls on 2 nodes: slow registry. 5 pods wait. Over in about 3 min.` A newer server's kind is
 * shown as it is.
 */
export function delaySentence(delay: Delay, now: number): string {
  return `${shortImageName(delay.worst.imageRef)}${afterImage(delay, now)}`;
}

/** What stands behind the image's name. */
export function afterImage({ kind, pulls, nodes, pods, endsAt, worst }: Delay, now: number): string {
  const more = pulls === 1 ? "" : ` and ${count(pulls - 1, "more pull")}`;
  const where = nodes === 1 ? worst.nodeName : count(nodes, "node");
  const end = endsAt === undefined ? "" : ` Over in ${formatTimeLeft((Date.parse(endsAt) - now) / 1000, true)}.`;
  return `${more} on ${where}: ${wordsByKind.get(kind) ?? kind.replaceAll("-", " ")}.${podsWait(pods)}${end}`;
}

function podsWait(pods: number, since?: string, now = 0): string {
  if (pods === 0) return "";
  const age = since === undefined ? "" : formatAge((now - Date.parse(since)) / 1000);
  if (pods === 1) return ` 1 pod waits${age === "" ? "" : `, for ${age}`}.`;
  return ` ${count(pods, "pod")} wait${age === "" ? "" : `, for up to ${age}`}.`;
}

function count(number: number, noun: string): string {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}
