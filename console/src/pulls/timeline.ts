import type { LayerStatus, PullStatus } from "@waybill/pulltrace/contract";
import { formatDuration } from "../format/index.ts";

/** `queued` is on the node and waits until the layers below it are unpacked. */
type SpanKind = "waiting" | "downloading" | "queued" | "unpacking" | "failed";

/** What a layer did in one stretch of the time axis. */
export interface Span {
  readonly kind: SpanKind;
  /** 0..1 of the axis. */
  readonly from: number;
  readonly to: number;
}

interface TimelineRow {
  /** Position in the manifest, the base being 1. */
  readonly position: number;
  readonly layer: LayerStatus;
  readonly spans: readonly Span[];
  /** The same in words: `waited 4 s, downloaded 41 s, unpacking for 8 s`. */
  readonly words: string;
}

export interface Timeline {
  readonly rows: readonly TimelineRow[];
  readonly ticks: readonly { readonly at: number; readonly label: string }[];
  /** They were on the node before and have no time of their own. */
  readonly cached: { readonly layers: number; readonly bytes: number };
}

interface Stretch {
  readonly kind: SpanKind;
  /** ms */
  readonly from: number;
  readonly to: number;
}

/**
 * When each layer waited, downloaded and unpacked, all on the pull's one axis of time.
 * @param now until when the pull is known, ms by the server's clock
 * @returns undefined before the layers are known
 */
export function timelineOf(pull: PullStatus, now: number): Timeline | undefined {
  const start = Date.parse(pull.startedAt);
  const end = pull.completedAt === undefined ? now : Date.parse(pull.completedAt);
  if (!(end > start)) return undefined;
  const rows: TimelineRow[] = [];
  let cached = 0;
  let bytes = 0;
  let below: number | undefined = start;
  for (const [at, layer] of pull.layers.entries()) {
    if (layer.cached || layer.phase === "cached") {
      cached += 1;
      bytes += Math.max(0, layer.totalBytes);
      continue;
    }
    const stretches = stretchesOf(layer, start, end, below);
    below = time(layer.completedAt);
    rows.push({
      position: at + 1,
      layer,
      spans: stretches.map(({ kind, from, to }) => ({
        kind,
        from: (from - start) / (end - start),
        to: (to - start) / (end - start),
      })),
      words: wordsFor(stretches, pull.completedAt === undefined ? end : undefined),
    });
  }
  if (rows.length === 0 && cached === 0) return undefined;
  return { rows, ticks: ticksFor((end - start) / 1000), cached: { layers: cached, bytes } };
}

/**
 * containerd unpacks the layers of an image one after the other, base first: a layer that is here waits until the one
 * below it is done. Where the times say otherwise (a snapshotter that unpacks several at once) they win.
 * @param below when the layer below was unpacked; absent while it is not
 */
function stretchesOf(layer: LayerStatus, start: number, end: number, below: number | undefined): Stretch[] {
  if (layer.phase === "waiting") return [{ kind: "waiting", from: start, to: end }];
  const inside = (value: number): number => Math.min(end, Math.max(start, value));
  const began = inside(time(layer.startedAt) ?? start);
  const completed = time(layer.completedAt);
  const downloaded = time(layer.downloadedAt);
  const loading = layer.phase === "downloading" || layer.phase === "failed";
  const here = loading ? end : inside(downloaded ?? completed ?? end);
  const kind = layer.phase === "failed" ? "failed" : "downloading";
  const out: Stretch[] = [
    { kind: "waiting", from: start, to: began },
    { kind, from: began, to: Math.max(began, here) },
  ];
  if (!loading && downloaded !== undefined) {
    const through = inside(completed ?? end);
    const queuedUntil =
      layer.phase === "downloaded" ? through : below === undefined || below > through ? here : Math.max(here, below);
    out.push({ kind: "queued", from: here, to: queuedUntil }, { kind: "unpacking", from: queuedUntil, to: through });
  }
  return out.filter((stretch) => stretch.to > stretch.from);
}

const past: Readonly<Record<SpanKind, string>> = {
  waiting: "waited",
  downloading: "downloaded",
  queued: "waited for the layers below",
  unpacking: "unpacked",
  failed: "failed after",
};
const present: Readonly<Record<SpanKind, string>> = {
  waiting: "waiting for",
  downloading: "downloading for",
  queued: "waiting for the layers below for",
  unpacking: "unpacking for",
  failed: "failed after",
};

function wordsFor(stretches: readonly Stretch[], runsUntil: number | undefined): string {
  const told = stretches.filter(
    ({ kind, from, to }) => kind === "failed" || to - from >= 500 || stretches.length === 1,
  );
  return told
    .map(({ kind, from, to }) => {
      const verb = to === runsUntil ? present[kind] : past[kind];
      const seconds = (to - from) / 1000;
      return `${verb} ${seconds < 1 ? "under 1 s" : formatDuration(Math.round(seconds))}`;
    })
    .join(", ");
}

const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400];
const mostTicks = 6;

/** Round times along the axis, at most six steps; none so near its end that its label would stick out. */
function ticksFor(seconds: number): { at: number; label: string }[] {
  const step = steps.find((one) => seconds / one <= mostTicks) ?? seconds / mostTicks;
  const ticks = [];
  for (let second = 0; second <= seconds * 0.94; second += step) {
    ticks.push({ at: second / seconds, label: formatDuration(second).replace(/ 00? (s|min)$/, "") });
  }
  return ticks;
}

function time(text: string | undefined): number | undefined {
  const value = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(value) ? undefined : value;
}
