import type { PullStatus } from "@waybill/pulltrace/contract";
import { formatBytes } from "../format/index.ts";
import { timelineOf } from "./timeline.ts";

/** When each layer waited, downloaded and unpacked: one sees which of them held the pull up. */
export function LayerTimeline({ pull, now }: { pull: PullStatus; now: number }) {
  const timeline = timelineOf(pull, now);
  if (timeline === undefined) return null;
  const { rows, ticks, cached } = timeline;
  return (
    <figure className="timeline">
      <figcaption>When each layer waited, downloaded and unpacked</figcaption>
      {rows.length === 0 ? null : (
        <div className="timeline-axis" aria-hidden="true">
          {ticks.map((tick) => (
            <span key={tick.label} style={{ left: `${tick.at * 100}%` }}>
              {tick.label}
            </span>
          ))}
        </div>
      )}
      <ol>
        {rows.map(({ position, layer, spans, words }) => (
          <li key={`${position} ${layer.digest}`}>
            <span className="timeline-name">
              <span className="quiet">{position}</span> {layer.totalKnown ? formatBytes(layer.totalBytes) : "unknown"}
            </span>
            <span className="timeline-track" aria-hidden="true">
              {spans.map((span) => (
                <span
                  key={span.kind}
                  className={`span span-${span.kind}`}
                  style={{ left: `${span.from * 100}%`, width: `${(span.to - span.from) * 100}%` }}
                />
              ))}
            </span>
            <span className="timeline-words quiet">{words}</span>
          </li>
        ))}
      </ol>
      {cached.layers === 0 ? null : (
        <p className="quiet">
          {`${cached.layers} ${cached.layers === 1 ? "layer" : "layers"}, ${formatBytes(cached.bytes)}, ${cached.layers === 1 ? "was" : "were"} on the node before.`}
        </p>
      )}
    </figure>
  );
}
