import { describe, expect, it } from "vitest";
import {
  pullEventTypes,
  type CauseKind,
  type EstimateBasis,
  type LayerPhase,
  type LayerStatus,
  type Failure,
  type FailureCode,
  type LayerWait,
  type PodPart,
  type PodReference,
  type PullCause,
  type PullEvent,
  type PullEventType,
  type PullPhase,
  type PullStatus,
  type PullWait,
  type PullWaitKind,
  type TimeLeft,
} from "../contract/index.ts";
import { mergeReport } from "./merge.ts";
import { faultsOf, pullEventSchema } from "./testing/event-schema.ts";
import { digestOf, layerOf, noon, pullOf, reportOf } from "./testing/reports.ts";

type Kind<T> = T extends string
  ? "string"
  : T extends number
    ? "number"
    : T extends boolean
      ? "boolean"
      : T extends readonly unknown[]
        ? "array"
        : "object";
/** Each field of T with its kind, and a question mark when it is optional: the type checker keeps it equal to the type. */
type Fields<T> = {
  readonly [K in keyof T]-?: object extends Pick<T, K> ? `${Kind<Exclude<T[K], undefined>>}?` : Kind<T[K]>;
};

const event: Fields<PullEvent> = {
  schemaVersion: "string",
  timestamp: "string",
  type: "string",
  nodeName: "string",
  pull: "object?",
  layer: "object?",
};
const pod: Fields<PodReference> = {
  namespace: "string",
  podName: "string",
  container: "string",
  image: "string",
  part: "string?",
  reason: "string?",
  since: "string?",
};
const failure: Fields<Failure> = { code: "string", sentence: "string", advice: "string", retryAt: "string?" };
const pullWait: Fields<PullWait> = { kind: "string", sentence: "string", pullsAhead: "number?" };
const layer: Fields<LayerStatus> = {
  pullId: "string",
  digest: "string",
  mediaType: "string",
  totalBytes: "number",
  downloadedBytes: "number",
  bytesPerSec: "number",
  percent: "number",
  startedAt: "string",
  completedAt: "string?",
  totalKnown: "boolean",
  phase: "string",
  cached: "boolean",
  downloadedAt: "string?",
  unpackingAt: "string?",
  waitsFor: "object?",
};
const layerWait: Fields<LayerWait> = { pullId: "string", imageRef: "string?" };
const cause: Fields<PullCause> = { kind: "string", sentence: "string", share: "number?" };
const timeLeft: Fields<TimeLeft> = { endsAt: "string", basis: "string" };
const pull: Fields<PullStatus> = {
  id: "string",
  nodeName: "string",
  imageRef: "string",
  totalBytes: "number",
  downloadedBytes: "number",
  bytesPerSec: "number",
  etaSeconds: "number",
  percent: "number",
  layerCount: "number",
  layersDone: "number",
  startedAt: "string",
  completedAt: "string?",
  error: "string?",
  pods: "array",
  layers: "array",
  totalKnown: "boolean",
  phase: "string",
  tenant: "string?",
  manifestDigest: "string?",
  containerdNamespace: "string?",
  cachedBytes: "number",
  updatedAt: "string",
  recording: "boolean?",
  cause: "object?",
  timeLeft: "object?",
  waitsFor: "object?",
  failure: "object?",
  attempts: "number?",
  nextTryAt: "string?",
};
const podParts: Record<PodPart, true> = { container: true, init: true, sidecar: true, ephemeral: true, volume: true };
const waitKinds: Record<PullWaitKind, true> = { queue: true, "not-begun": true, "back-off": true, never: true };
const failureCodes: Record<FailureCode, true> = {
  "not-found": true,
  unauthorized: true,
  certificate: true,
  "name-resolution": true,
  timeout: true,
  connection: true,
  "rate-limited": true,
  "no-space": true,
  "digest-mismatch": true,
  "platform-missing": true,
  "invalid-name": true,
  cancelled: true,
  "server-error": true,
  unknown: true,
};
const causeKinds: Record<CauseKind, true> = {
  "other-pull": true,
  queue: true,
  stalled: true,
  "one-layer": true,
  "shared-link": true,
  registry: true,
  link: true,
  unpack: true,
  "slow-disk": true,
  "rate-limit": true,
};
const bases: Record<EstimateBasis, true> = { measured: true, node: true, fleet: true, typical: true };
const pullPhases: Record<PullPhase, true> = {
  waiting: true,
  resolving: true,
  downloading: true,
  unpacking: true,
  done: true,
  failed: true,
  cancelled: true,
};
const layerPhases: Record<LayerPhase, true> = {
  waiting: true,
  downloading: true,
  downloaded: true,
  unpacking: true,
  done: true,
  cached: true,
  failed: true,
};
const eventTypes: Record<PullEventType, true> = {
  "pull.started": true,
  "pull.progress": true,
  "pull.completed": true,
  "pull.failed": true,
  "layer.started": true,
  "layer.progress": true,
  "layer.completed": true,
};

interface Definition {
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Definition>>;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Definition>>;
}
const schema = pullEventSchema as Definition;
const definition = (name: string): Definition => schema.$defs?.[name] ?? {};

function kindOf(field: Definition): string {
  const at = field.$ref === undefined ? field : definition(field.$ref.replace("#/$defs/", ""));
  if (at.enum !== undefined) return typeof at.enum[0];
  if (at.const !== undefined) return typeof at.const;
  return at.type === "integer" ? "number" : (at.type ?? "unknown");
}
/** A definition of the schema in the form in which the types are written down above. */
function fieldsOf(of: Definition): Record<string, string> {
  const required = new Set(of.required);
  return Object.fromEntries(
    Object.entries(of.properties ?? {}).map(([name, field]) => [
      name,
      `${kindOf(field)}${required.has(name) ? "" : "?"}`,
    ]),
  );
}

describe("docs/schemas/pull-event-v1.json", () => {
  it("names the fields of the types, of the same kind, and the same ones as optional", () => {
    expect(fieldsOf(schema)).toEqual(event);
    expect(fieldsOf(definition("pull"))).toEqual(pull);
    expect(fieldsOf(definition("layer"))).toEqual(layer);
    expect(fieldsOf(definition("pod"))).toEqual(pod);
    expect(fieldsOf(definition("layerWait"))).toEqual(layerWait);
    expect(fieldsOf(definition("failure"))).toEqual(failure);
    expect(fieldsOf(definition("pullWait"))).toEqual(pullWait);
    expect(fieldsOf(definition("cause"))).toEqual(cause);
    expect(fieldsOf(definition("timeLeft"))).toEqual(timeLeft);
  });

  it("names the types of events and the phases", () => {
    expect(definition("cause").properties?.["kind"]?.enum).toEqual(Object.keys(causeKinds));
    expect(definition("pod").properties?.["part"]?.enum).toEqual(Object.keys(podParts));
    expect(definition("pullWait").properties?.["kind"]?.enum).toEqual(Object.keys(waitKinds));
    expect(definition("failure").properties?.["code"]?.enum).toEqual(Object.keys(failureCodes));
    expect(definition("timeLeft").properties?.["basis"]?.enum).toEqual(Object.keys(bases));
    expect(schema.properties?.["type"]?.enum).toEqual(Object.keys(eventTypes));
    expect(pullEventTypes.toSorted()).toEqual(Object.keys(eventTypes).toSorted());
    expect(definition("pull").properties?.["phase"]?.enum).toEqual(Object.keys(pullPhases));
    expect(definition("layer").properties?.["phase"]?.enum).toEqual(Object.keys(layerPhases));
  });

  const options = { tenantOf: () => "team-a", room: { pulls: 9, layers: 9 }, pullsPerNode: 9, layersPerNode: 9 };
  const full = mergeReport(
    undefined,
    reportOf(
      [
        pullOf([layerOf(1, 1_000, { phase: "done" })], {
          phase: "failed",
          error: "no",
          manifestDigest: digestOf(2),
          containerdNamespace: "k8s.io",
        }),
      ],
      { recording: true },
    ),
    noon,
    options,
  ).emissions.map(({ event }) => event);

  it("takes events with every optional field", () => {
    expect(full.map(({ type }) => type)).toEqual(["pull.started", "layer.started", "layer.completed", "pull.failed"]);
    expect(full.flatMap(faultsOf)).toEqual([]);
    const running = new Set(["cause", "timeLeft", "waitsFor", "failure", "attempts", "nextTryAt"]);
    const told = Object.keys(pull).filter((name) => !running.has(name));
    expect(Object.keys(full[3]!.pull!).toSorted()).toEqual(told.toSorted());
  });

  it("takes the answers, and refuses what they may not be", () => {
    const [started, layerStarted] = full;
    const status = started!.pull!;
    const causeWith = (more: object) => ({
      ...started,
      pull: { ...status, cause: { kind: "link", sentence: "So.", ...more } },
    });
    const leftWith = (more: object) => ({
      ...started,
      pull: { ...status, timeLeft: { endsAt: status.updatedAt, basis: "node", ...more } },
    });
    const layerWith = (more: object) => ({ ...layerStarted, layer: { ...layerStarted!.layer, ...more } });
    const time = status.updatedAt;
    const right = [
      ...Object.keys(causeKinds).map((kind) => causeWith({ kind, share: 0.5 })),
      ...Object.keys(bases).map((basis) => leftWith({ basis })),
      layerWith({ downloadedAt: time, unpackingAt: time, waitsFor: { pullId: "x", imageRef: "y" } }),
      layerWith({ waitsFor: { pullId: "x" } }),
    ];
    expect(right.flatMap(faultsOf)).toEqual([]);
    const wrong = [
      causeWith({ kind: "weather" }),
      causeWith({ sentence: "" }),
      causeWith({ share: 1.1 }),
      leftWith({ basis: "hope" }),
      leftWith({ endsAt: "soon" }),
      layerWith({ downloadedAt: "then" }),
      layerWith({ waitsFor: {} }),
      layerWith({ waitsFor: { pullId: "" } }),
    ];
    for (const one of wrong) expect(faultsOf(one)).not.toEqual([]);
  });

  it("refuses what an event may not be", () => {
    const [started, , completed, failed] = full;
    const status = failed!.pull!;
    const wrong: readonly unknown[] = [
      { ...started, schemaVersion: "v2" },
      { ...started, type: "pull.paused" },
      { ...started, pull: undefined },
      { ...started, layer: completed!.layer },
      { ...completed, pull: status },
      { ...started, extra: 1 },
      { ...failed, pull: { ...status, error: undefined } },
      { ...failed, pull: { ...status, phase: "done" } },
      { ...failed, type: "pull.completed" },
      { ...failed, type: "pull.progress" },
      { ...started, pull: { ...status, percent: 101 } },
      { ...started, pull: { ...status, bytesPerSec: -1 } },
      { ...started, pull: { ...status, bytesPerSec: null } },
      { ...started, pull: { ...status, etaSeconds: -2 } },
      { ...started, pull: { ...status, totalBytes: 2 ** 53 } },
      { ...started, timestamp: "now" },
      { ...completed, layer: { ...completed!.layer, percent: 99.9 } },
    ];
    for (const one of wrong) expect(faultsOf(JSON.parse(JSON.stringify(one)))).not.toEqual([]);
  });
});
