import {
  type AgentReport,
  type LayerPhase,
  type PullPhase,
  type ReportedLayer,
  type ReportedPull,
  reportForms,
} from "../contract/index.ts";
import { keyOf } from "./identity.ts";
import type { ServerLimits } from "./limits.ts";
import { withDownloadsGathered } from "./older-downloads.ts";
import {
  absent,
  FieldReader,
  isFields,
  isWholeNumber,
  mostFaults,
  type Fields,
  type ReportFault,
} from "./report-fields.ts";

export type ReportCheck = { readonly report: AgentReport } | { readonly faults: readonly ReportFault[] };

const pullPhases: ReadonlySet<PullPhase> = new Set([
  "resolving",
  "downloading",
  "unpacking",
  "done",
  "failed",
  "cancelled",
]);
const layerPhases: ReadonlySet<LayerPhase> = new Set([
  "waiting",
  "downloading",
  "downloaded",
  "unpacking",
  "done",
  "cached",
  "failed",
]);

const nodeNameForm = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/;
const digestForm = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}|blake3:[0-9a-f]{64})$/;
const { plain: plainForm, mediaType: mediaTypeForm, longestReference } = reportForms;

/**
 * Takes only what the contract names out of a parsed body, and checks each part of it; unknown fields are ignored, so
 * that a newer agent can talk to this server.
 *
 * Agents tell all they see each second, and most of it is what they told before: `known` gives the pulls that the node
 * told last. What is the same, place by place, was checked then, and the same objects stand in the new report.
 */
export function checkReport(
  body: unknown,
  limits: ServerLimits,
  known?: (nodeName: string) => readonly ReportedPull[] | undefined,
): ReportCheck {
  const faults: ReportFault[] = [];
  const report = isFields(body) ? readReport(body, limits, faults, known) : undefined;
  if (report === undefined) faults.push({ pointer: "", detail: "a report is a JSON object" });
  return report === undefined || faults.length > 0 ? { faults } : { report };
}

function readReport(
  body: Fields,
  limits: ServerLimits,
  faults: ReportFault[],
  known: (nodeName: string) => readonly ReportedPull[] | undefined = () => undefined,
): AgentReport {
  const read = new FieldReader(body, "", faults);
  const version = read.optionalText("agentVersion", plainForm, 64, "1 to 64 printable characters without blanks");
  const interval = absent(body["reportIntervalMs"]) ? undefined : read.wholeNumber("reportIntervalMs");
  const nodeName = read.text(
    "nodeName",
    nodeNameForm,
    253,
    "1 to 253 letters, digits, dots, dashes and underscores, beginning and ending with a letter or digit",
  );
  return {
    nodeName,
    timestamp: read.time("timestamp"),
    pulls: readPulls(
      withDownloadsGathered(read.list("pulls", limits.pullsPerReport)),
      limits,
      faults,
      nodeName === "" ? undefined : known(nodeName),
    ),
    ...(version === undefined ? {} : { agentVersion: version }),
    ...(interval === undefined ? {} : { reportIntervalMs: Math.min(3_600_000, Math.max(100, interval)) }),
    ...(body["recording"] === true ? { recording: true } : {}),
  };
}

function readPulls(
  items: readonly unknown[],
  limits: ServerLimits,
  faults: ReportFault[],
  known: readonly ReportedPull[] = [],
): ReportedPull[] {
  const pulls: ReportedPull[] = [];
  const seen = new Set<string>();
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index];
    const at = `/pulls/${index}`;
    if (faults.length >= mostFaults) return pulls;
    if (!isFields(item)) {
      faults.push({ pointer: at, detail: "a pull is a JSON object" });
      continue;
    }
    const pull = readPull(item, at, limits, faults, known[index]);
    const key = keyOf(pull);
    if (seen.has(key)) faults.push({ pointer: at, detail: "the same pull stands in the report twice" });
    seen.add(key);
    pulls.push(pull);
  }
  return pulls;
}

function readPull(
  item: Fields,
  at: string,
  limits: ServerLimits,
  faults: ReportFault[],
  known?: ReportedPull,
): ReportedPull {
  const read = new FieldReader(item, at, faults, known);
  const layers = readLayers(read.list("layers", limits.layersPerPull), at, faults, known?.layers);
  if (known !== undefined && isSamePull(item, known)) return { ...known, layers };
  const id = read.optionalText("id", plainForm, 256, "1 to 256 printable characters without blanks and quotes");
  const phase = read.choice("phase", pullPhases);
  const completedAt = read.optionalTime("completedAt");
  const error = read.sentence("error");
  const manifestDigest = read.optionalText(
    "manifestDigest",
    digestForm,
    135,
    "a digest such as sha256:<64 hex digits>",
  );
  const attempts = absent(item["attempts"]) ? undefined : read.wholeNumber("attempts");
  const namespace = read.optionalText("containerdNamespace", plainForm, 76, "1 to 76 printable characters");
  return {
    imageRef: read.text(
      "imageRef",
      plainForm,
      longestReference,
      "1 to 1024 printable characters without blanks and quotes",
    ),
    layers,
    startedAt: read.time("startedAt"),
    totalKnown: read.flag("totalKnown"),
    ...(id === undefined ? {} : { id }),
    ...(phase === undefined ? {} : { phase }),
    ...(completedAt === undefined ? {} : { completedAt }),
    ...(error === undefined ? {} : { error }),
    ...(manifestDigest === undefined ? {} : { manifestDigest }),
    ...(attempts === undefined || attempts === 0 ? {} : { attempts }),
    ...(namespace === undefined ? {} : { containerdNamespace: namespace }),
  };
}

/** What may stand in a field before it is checked. */
type Unchecked<T> = { readonly [Field in keyof T]?: unknown };

/** Whether all but the layers is what was told before; what an agent writes differently each time is read each time. */
export function isSamePull(item: Unchecked<ReportedPull>, known: ReportedPull): boolean {
  return (
    item.imageRef === known.imageRef &&
    item.id === known.id &&
    item.startedAt === known.startedAt &&
    item.totalKnown === known.totalKnown &&
    item.phase === known.phase &&
    item.completedAt === known.completedAt &&
    item.error === known.error &&
    item.manifestDigest === known.manifestDigest &&
    item.attempts === known.attempts &&
    item.containerdNamespace === known.containerdNamespace
  );
}

/** Whether all but the bytes that have come is what was told before. */
export function isSameLayer(item: Unchecked<ReportedLayer>, known: ReportedLayer): boolean {
  return (
    item.digest === known.digest &&
    item.mediaType === known.mediaType &&
    item.totalBytes === known.totalBytes &&
    item.totalKnown === known.totalKnown &&
    item.phase === known.phase &&
    item.cached === known.cached &&
    item.startedAt === known.startedAt &&
    item.completedAt === known.completedAt &&
    item.waitsFor === known.waitsFor
  );
}

function readLayers(
  items: readonly unknown[],
  at: string,
  faults: ReportFault[],
  known: readonly ReportedLayer[] = [],
): ReportedLayer[] {
  const layers: ReportedLayer[] = [];
  const digests = new Set<string>();
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index];
    if (faults.length >= mostFaults) break;
    if (!isFields(item)) {
      faults.push({ pointer: `${at}/layers/${index}`, detail: "a layer is a JSON object" });
      continue;
    }
    const layer = nextLayer(item, known[index]) ?? readLayer(item, `${at}/layers/${index}`, faults, known[index]);
    // A manifest may name one blob several times (the empty layer of old builders); it is downloaded once.
    if (digests.has(layer.digest)) continue;
    digests.add(layer.digest);
    layers.push(layer);
  }
  return layers;
}

/** The layer that was told before, perhaps with other bytes; undefined when there is more to look at. */
function nextLayer(item: Fields, known: ReportedLayer | undefined): ReportedLayer | undefined {
  if (known === undefined || !isSameLayer(item, known)) return undefined;
  const bytes = item["downloadedBytes"];
  if (bytes === known.downloadedBytes) return known;
  return isWholeNumber(bytes) ? { ...known, downloadedBytes: bytes } : undefined;
}

function readLayer(item: Fields, at: string, faults: ReportFault[], known?: ReportedLayer): ReportedLayer {
  const read = new FieldReader(item, at, faults, known);
  const phase = read.choice("phase", layerPhases);
  const startedAt = read.optionalTime("startedAt");
  const completedAt = read.optionalTime("completedAt");
  const waitsFor = read.optionalText("waitsFor", plainForm, 256, "the id of a pull: 1 to 256 printable characters");
  return {
    digest: read.text("digest", digestForm, 135, "a digest such as sha256:<64 hex digits>"),
    mediaType: read.optionalText("mediaType", mediaTypeForm, 255, "empty or a media type such as type/subtype") ?? "",
    totalBytes: read.wholeNumber("totalBytes"),
    downloadedBytes: read.wholeNumber("downloadedBytes"),
    totalKnown: read.flag("totalKnown"),
    ...(phase === undefined ? {} : { phase }),
    ...(absent(item["cached"]) ? {} : { cached: read.flag("cached") }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(completedAt === undefined ? {} : { completedAt }),
    ...(waitsFor === undefined ? {} : { waitsFor }),
  };
}
