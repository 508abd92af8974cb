import type { LayerPhase, PullPhase } from "@waybill/pulltrace/contract";

export type Phase = PullPhase | LayerPhase;

/** Each phase has its own shape, so that colour is never the only sign. Box 12 × 12. */
const shapes: Readonly<Record<Phase, string>> = {
  resolving: "M6 1.5v2M6 8.5v2M1.5 6h2M8.5 6h2",
  waiting: "M3.5 2h5M3.5 10h5M4 2c0 3 4 5 4 8M8 2c0 3-4 5-4 8",
  downloading: "M6 1.5v7M2.8 5.6 6 8.8l3.2-3.2M2 10.8h8",
  downloaded: "M6 1.5v5M3.5 4.2 6 6.7l2.5-2.5M2 7.5v3h8v-3",
  unpacking: "M1.8 4.2 6 2l4.2 2.2v4L6 10.4 1.8 8.2zM1.8 4.2 6 6.4l4.2-2.2M6 6.4v4",
  done: "M2 6.4 4.8 9.2 10 3.2",
  cached: "M2 3.5h8v5H2zM4 8.5l3-5M7 8.5l3-5",
  failed: "M6 1.4 11 10.4H1zM6 4.8v2.6M6 8.7v.5",
  cancelled: "M2.6 2.6l6.8 6.8M6 1.2a4.8 4.8 0 1 0 0 9.6 4.8 4.8 0 0 0 0-9.6z",
};

/** The shape alone, in the phase's colour: for places where the word stands beside it or in a label. */
export function PhaseShape({ phase, title }: { phase: Phase; title?: string }) {
  return (
    <svg className={`phase-shape phase-${phase}`} viewBox="0 0 12 12" aria-hidden="true">
      {title === undefined ? null : <title>{title}</title>}
      <path d={shapes[phase]} />
    </svg>
  );
}

/** A phase as word, colour and shape. */
export function PhaseMark({ phase, word }: { phase: Phase; word?: string }) {
  return (
    <span className={`phase phase-${phase}`}>
      <PhaseShape phase={phase} />
      {word ?? phase}
    </span>
  );
}
