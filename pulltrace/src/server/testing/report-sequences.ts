import * as fc from "fast-check";
import type { AgentReport, LayerPhase, PullPhase, ReportedLayer, ReportedPull } from "../../contract/index.ts";
import { digestOf, noon } from "./reports.ts";

/** What happens next: a node reports, or nothing does for some time. */
export type Step =
  | { readonly afterMs: number; readonly report: AgentReport }
  | { readonly afterMs: number; readonly report?: undefined };

const pullPhases: readonly PullPhase[] = [
  "resolving",
  "downloading",
  "downloading",
  "downloading",
  "unpacking",
  "done",
  "failed",
  "cancelled",
];
const layerPhases: readonly LayerPhase[] = [
  "waiting",
  "downloading",
  "downloaded",
  "unpacking",
  "done",
  "cached",
  "failed",
];
const time = fc.integer({ min: -100_000_000, max: 100_000_000 }).map((offset) => new Date(noon + offset).toISOString());

const layer: fc.Arbitrary<ReportedLayer> = fc.record(
  {
    digest: fc.integer({ min: 1, max: 5 }).map(digestOf),
    mediaType: fc.constantFrom("", "application/vnd.oci.image.layer.v1.tar+zstd"),
    totalBytes: fc.constantFrom(0, 1_000, 1_000, 1_000, Number.MAX_SAFE_INTEGER),
    downloadedBytes: fc.oneof(fc.nat(1_200), fc.constantFrom(0, 999, 1_000, Number.MAX_SAFE_INTEGER)),
    totalKnown: fc.boolean(),
    phase: fc.constantFrom(...layerPhases),
    cached: fc.boolean(),
    startedAt: time,
    completedAt: time,
    waitsFor: fc.constantFrom("p1", "p2", "p3", "nobody"),
  },
  { requiredKeys: ["digest", "mediaType", "totalBytes", "downloadedBytes", "totalKnown"] },
);

const pull: fc.Arbitrary<ReportedPull> = fc.record(
  {
    imageRef: fc.constantFrom("r.example/team-a/x:1", "r.example/team-b/y:2", `r.example/team-a/x@${digestOf(9)}`),
    layers: fc.uniqueArray(layer, { maxLength: 4, selector: ({ digest }) => digest }),
    startedAt: fc.constantFrom(new Date(noon - 5_000).toISOString(), "0001-01-01T00:00:00Z", "2099-01-01T00:00:00Z"),
    totalKnown: fc.boolean(),
    id: fc.constantFrom("p1", "p2", "p3"),
    phase: fc.constantFrom(...pullPhases),
    completedAt: time,
    error: fc.constantFrom("no space left on device", "429 too many requests"),
  },
  { requiredKeys: ["imageRef", "layers", "startedAt", "totalKnown"] },
);

const report: fc.Arbitrary<AgentReport> = fc.record(
  {
    nodeName: fc.constantFrom("n1", "n2"),
    timestamp: time,
    pulls: fc.uniqueArray(pull, { maxLength: 4, selector: ({ id, imageRef }) => id ?? `image ${imageRef}` }),
    reportIntervalMs: fc.constantFrom(500, 1_000, 10_000),
    recording: fc.boolean(),
  },
  { requiredKeys: ["nodeName", "timestamp", "pulls"] },
);

/** Anything that agents may send, however little sense it makes, with pauses in which nodes fall silent. */
export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ afterMs: fc.constantFrom(1_000, 1_000, 1_000, 0, 100, 10_000, -60_000), report }),
    },
    { weight: 1, arbitrary: fc.record({ afterMs: fc.constantFrom(2_000, 8_000, 130_000, 700_000) }) },
  ),
  { maxLength: 40 },
);
