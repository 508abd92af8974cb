import type { AgentReport, LayerPhase, PullPhase, ReportedLayer, ReportedPull } from "../contract/index.ts";
import { keyOf } from "./identity.ts";
import type { ServerLimits } from "./limits.ts";

/** A place in the report (JSON pointer, RFC 6901) and what is wrong there. */
export interface ReportFault {
  readonly pointer: string;
  readonly detail: string;
}
export type ReportCheck = { readonly report: AgentReport } | { readonly faults: readonly ReportFault[] };

const mostFaults = 10;
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
/** Printable ASCII without blanks, quotes, angle brackets and backslash: no reference has them, every injection does. */
const plainForm = /^[!#-&(-;=?-[\]^_a-~]+$/;
const mediaTypeForm = /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}$/;
const timeForm = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;
/** Blanks, control and formatting characters (bidirectional overrides among them), and halves of surrogate pairs. */
const unprintable = /[\s\p{Cc}\p{Cf}\p{Cs}]+/gu;
const longestError = 1_000;

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `null` counts as absent, because Go writes empty values that way. */
function absent(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

/**
 * Takes only what the contract names out of a parsed body, and checks each part of it; unknown fields are ignored, so
 * that a newer agent can talk to this server.
 */
export function checkReport(body: unknown, limits: ServerLimits): ReportCheck {
  const faults: ReportFault[] = [];
  const report = isFields(body) ? readReport(body, limits, faults) : undefined;
  if (report === undefined) faults.push({ pointer: "", detail: "a report is a JSON object" });
  return report === undefined || faults.length > 0 ? { faults } : { report };
}

function readReport(body: Fields, limits: ServerLimits, faults: ReportFault[]): AgentReport {
  const read = reader(body, "", faults);
  const version = read.optionalText("agentVersion", plainForm, 64, "1 to 64 printable characters without blanks");
  const interval = absent(body["reportIntervalMs"]) ? undefined : read.wholeNumber("reportIntervalMs");
  return {
    nodeName: read.text(
      "nodeName",
      nodeNameForm,
      253,
      "1 to 253 letters, digits, dots, dashes and underscores, beginning and ending with a letter or digit",
    ),
    timestamp: read.time("timestamp"),
    pulls: readPulls(body, limits, faults),
    ...(version === undefined ? {} : { agentVersion: version }),
    ...(interval === undefined ? {} : { reportIntervalMs: Math.min(3_600_000, Math.max(100, interval)) }),
    ...(body["recording"] === true ? { recording: true } : {}),
  };
}

function readPulls(body: Fields, limits: ServerLimits, faults: ReportFault[]): ReportedPull[] {
  const pulls: ReportedPull[] = [];
  const seen = new Set<string>();
  for (const [index, item] of list(body, "pulls", "", limits.pullsPerReport, faults).entries()) {
    const at = `/pulls/${index}`;
    if (faults.length >= mostFaults) return pulls;
    if (!isFields(item)) {
      faults.push({ pointer: at, detail: "a pull is a JSON object" });
      continue;
    }
    const pull = readPull(item, at, limits, faults);
    if (seen.has(keyOf(pull))) faults.push({ pointer: at, detail: "the same pull stands in the report twice" });
    seen.add(keyOf(pull));
    pulls.push(pull);
  }
  return pulls;
}

function readPull(item: Fields, at: string, limits: ServerLimits, faults: ReportFault[]): ReportedPull {
  const read = reader(item, at, faults);
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
    imageRef: read.text("imageRef", plainForm, 1_024, "1 to 1024 printable characters without blanks and quotes"),
    layers: readLayers(item, at, limits, faults),
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

function readLayers(pull: Fields, at: string, limits: ServerLimits, faults: ReportFault[]): ReportedLayer[] {
  const layers = new Map<string, ReportedLayer>();
  for (const [index, item] of list(pull, "layers", at, limits.layersPerPull, faults).entries()) {
    const pointer = `${at}/layers/${index}`;
    if (faults.length >= mostFaults) break;
    if (!isFields(item)) {
      faults.push({ pointer, detail: "a layer is a JSON object" });
      continue;
    }
    const layer = readLayer(item, pointer, faults);
    // A manifest may name one blob several times (the empty layer of old builders); it is downloaded once.
    if (!layers.has(layer.digest)) layers.set(layer.digest, layer);
  }
  return [...layers.values()];
}

function readLayer(item: Fields, at: string, faults: ReportFault[]): ReportedLayer {
  const read = reader(item, at, faults);
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

function list(fields: Fields, name: string, at: string, most: number, faults: ReportFault[]): readonly unknown[] {
  const value = fields[name];
  if (value === null) return [];
  if (!Array.isArray(value)) {
    faults.push({ pointer: `${at}/${name}`, detail: "must be a list" });
    return [];
  }
  if (value.length <= most) return value;
  faults.push({ pointer: `${at}/${name}`, detail: `at most ${most} entries are taken, these are ${value.length}` });
  return [];
}

/** Readers of one object's fields; each notes its fault and goes on with a harmless value. */
function reader(fields: Fields, at: string, faults: ReportFault[]) {
  const fault = (name: string, detail: string): void => {
    if (faults.length < mostFaults) faults.push({ pointer: `${at}/${name}`, detail });
  };
  const text = (name: string, form: RegExp, most: number, rule: string): string => {
    const value = fields[name];
    if (typeof value === "string" && value.length <= most && form.test(value)) return value;
    fault(name, `must be ${rule}`);
    return "";
  };
  const time = (name: string): string => {
    const value = text(name, timeForm, 40, "a time of RFC 3339 such as 2026-01-31T12:00:00Z");
    if (value !== "" && Number.isNaN(Date.parse(value))) fault(name, "is a day or hour that does not exist");
    return value;
  };
  return {
    text,
    time,
    optionalText: (name: string, form: RegExp, most: number, rule: string): string | undefined =>
      absent(fields[name]) || fields[name] === "" ? undefined : text(name, form, most, rule),
    optionalTime: (name: string): string | undefined => (absent(fields[name]) ? undefined : time(name)),
    choice: <T extends string>(name: string, allowed: ReadonlySet<T>): T | undefined => {
      const value = fields[name];
      if (absent(value)) return undefined;
      for (const one of allowed) if (one === value) return one;
      fault(name, `must be one of ${[...allowed].join(", ")}`);
      return undefined;
    },
    wholeNumber: (name: string): number => {
      const value = fields[name];
      if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value === 0 ? 0 : value;
      fault(name, "must be a whole number from 0 to 9007199254740991");
      return 0;
    },
    flag: (name: string): boolean => {
      const value = fields[name];
      if (typeof value !== "boolean") fault(name, "must be true or false");
      return value === true;
    },
    /** Text for people: what cannot be shown is taken out, what is too long is cut. */
    sentence: (name: string): string | undefined => {
      const value = fields[name];
      if (absent(value)) return undefined;
      if (typeof value !== "string") {
        fault(name, "must be text");
        return undefined;
      }
      const shown = value
        .slice(0, 4 * longestError)
        .replace(unprintable, " ")
        .trim();
      const cut = shown.length > longestError ? `${shown.slice(0, longestError - 1).toWellFormed()}…` : shown;
      return cut === "" ? undefined : cut;
    },
  };
}
