/** Points of a line over equally spaced values, in a box of `width` × `height`; the newest value stands at the right. */
export interface SparklineShape {
  /** Path data of the line. */
  readonly line: string;
  /** Path data of the area below it. */
  readonly area: string;
}

/**
 * @param values never negative; anything else counts as 0
 * @param slots how many values fill the width: fewer ones start further right, so that the line does not stretch
 */
export function sparkline(values: readonly number[], slots: number, width: number, height: number): SparklineShape {
  const shown = values.slice(-slots).map((value) => (Number.isFinite(value) && value > 0 ? value : 0));
  if (shown.length < 2) return { line: "", area: "" };
  const top = Math.max(...shown);
  const step = width / (slots - 1);
  const left = width - step * (shown.length - 1);
  // One unit of air above and below keeps the stroke inside the box.
  const points = shown.map((value, at) => {
    const y = top === 0 ? height - 1 : height - 1 - (value / top) * (height - 2);
    return `${round(left + at * step)} ${round(y)}`;
  });
  const line = `M${points.join("L")}`;
  return { line, area: `${line}V${height}H${round(left)}Z` };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
