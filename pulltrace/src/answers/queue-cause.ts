import type { PullCause, PullStatus } from "../contract/index.ts";
import { missingIn, pullCause, shortName } from "./pull-cause.ts";
import { fadedBest, type LinkSpeed } from "./speeds.ts";
import { isThere, missingBytes } from "./time-left.ts";
import { clockText, countText, shareText, sizeText, speedText } from "./wording.ts";

/** Causes that lie in an order: another pull goes first, or there is no free place for a download. */

/** Half or more of what is missing is being downloaded by other pulls of the node. */
export function otherPullCause(pull: PullStatus): PullCause | undefined {
  const missing = missingIn(pull.layers);
  const waiting = pull.layers.filter((layer) => layer.waitsFor !== undefined && missingBytes(layer) > 0);
  const bytes = missingIn(waiting);
  if (missing === 0 || bytes * 2 < missing) return undefined;
  const share = bytes / missing;
  const names = new Set(waiting.map((layer) => layer.waitsFor?.imageRef));
  const [name] = names;
  const who = names.size === 1 && name !== undefined ? shortName(name) : "another pull of this node";
  return pullCause(
    "other-pull",
    `Waits for ${countText(waiting.length, "layer")} (${sizeText(bytes)}) that ${names.size > 1 ? "other pulls of this node are" : `${who} is`} downloading: ${shareText(share)} of what is missing.`,
    share,
  );
}

/** No layer of the pull downloads, while those of other pulls do. */
export function queueCause(pull: PullStatus, others: readonly PullStatus[]): PullCause | undefined {
  const missing = pull.layers.filter((layer) => !isThere(layer.phase));
  if (missing.length === 0 || missing.some((layer) => layer.phase !== "waiting" || layer.waitsFor !== undefined)) {
    return undefined;
  }
  const busy = others.filter((other) => other.layers.some((layer) => layer.phase === "downloading"));
  if (busy.length === 0) return undefined;
  const layers = new Set(
    busy.flatMap((other) => other.layers.filter(({ phase }) => phase === "downloading").map(({ digest }) => digest)),
  );
  const which = `${countText(missing.length, "missing layer")} ${missing.length === 1 ? "waits" : "wait"}`;
  return pullCause(
    "queue",
    `None of its layers downloads: ${which} in the queue while ${countText(layers.size, "layer")} of ${countText(busy.length, "other pull")} of this node ${layers.size === 1 ? "downloads" : "download"}.`,
  );
}

/** Below this part of what it reached lately, a link has room for more downloads at a time. */
const roomPart = 0.6;

/**
 * Some layers download, most of what is missing waits for a free download slot, and the link could bring more: only
 * then would more slots help.
 */
export function slotsCause(
  pull: PullStatus,
  facts: { readonly link: LinkSpeed | undefined; readonly bytesPerSec: number; readonly now: number },
): PullCause | undefined {
  const { link, bytesPerSec, now } = facts;
  const loading = pull.layers.filter(({ phase, waitsFor }) => phase === "downloading" && waitsFor === undefined);
  const waiting = pull.layers.filter(({ phase, waitsFor }) => phase === "waiting" && waitsFor === undefined);
  const bytes = missingIn(waiting);
  const missing = missingIn(pull.layers);
  if (link === undefined || loading.length === 0 || bytes === 0 || bytes * 2 < missing || bytesPerSec <= 0) {
    return undefined;
  }
  const best = fadedBest(link, now);
  if (bytesPerSec >= best * roomPart) return undefined;
  const share = bytes / missing;
  const many = loading.length === 1 ? "1 layer downloads" : `${loading.length} layers download`;
  return pullCause(
    "queue",
    `Only ${many} at a time, at ${speedText(bytesPerSec)} of the ${speedText(best)} that this node reached lately: ${countText(waiting.length, "layer")} (${sizeText(bytes)}, ${shareText(share)} of what is missing) ${waiting.length === 1 ? "waits" : "wait"} for a free slot (max_concurrent_downloads of containerd).`,
    share,
  );
}

/**
 * kubelet asked for an image while others of the node are being pulled: unless it is told otherwise
 * (serializeImagePulls), it pulls one after the other. Undefined when nothing goes first.
 */
export function serialQueueCause(ahead: readonly PullStatus[]): PullCause | undefined {
  if (ahead.length === 0) return undefined;
  // A layer of several of them comes once.
  const layers = new Map(ahead.flatMap((pull) => pull.layers.map((layer) => [layer.digest, layer] as const)));
  const bytes = missingIn(layers.values());
  const rest = bytes > 0 ? `${sizeText(bytes)} still to come` : "being unpacked";
  const sized = ahead.every(({ totalKnown }) => totalKnown) ? `, ${rest}` : "";
  const ends = ahead.map(({ timeLeft }) => (timeLeft === undefined ? Number.NaN : Date.parse(timeLeft.endsAt)));
  const last = Math.max(...ends);
  const until = Number.isNaN(last) ? "" : `; ${ahead.length === 1 ? "it" : "the last"} ends about ${clockText(last)}`;
  return pullCause(
    "queue",
    `kubelet pulls one image after the other, and ${countText(ahead.length, "pull")} of this node ${ahead.length === 1 ? "goes" : "go"} first${sized}${until}.`,
  );
}
