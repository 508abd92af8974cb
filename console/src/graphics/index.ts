/** Small drawings that stand for a figure or a word: the line of a speed, the mark of a phase. */
export { type Phase, PhaseMark, PhaseShape } from "./phase-mark.tsx";
export { sparkline } from "./sparkline.ts";
export { SparklineGraphic } from "./sparkline-graphic.tsx";
