import { memo } from "react";
import { sparkline } from "./sparkline.ts";

/** A line without axes beside its figure; the figure says it all, so it is hidden from screen readers. */
export const SparklineGraphic = memo(function SparklineGraphic({
  values,
  slots,
}: {
  values: readonly number[];
  slots: number;
}) {
  const shape = sparkline(values, slots, 100, 24);
  return (
    <svg className="sparkline" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">
      <path className="sparkline-base" d="M0 23.5H100" vectorEffect="non-scaling-stroke" />
      <path className="sparkline-area" d={shape.area} />
      <path className="sparkline-line" d={shape.line} vectorEffect="non-scaling-stroke" />
    </svg>
  );
});
