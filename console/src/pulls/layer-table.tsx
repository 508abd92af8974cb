import type { LayerStatus, PullStatus } from "@waybill/pulltrace/contract";
import { formatBytes, formatInstant, formatSpeed, shortDigest, shortMediaType } from "../format/index.ts";
import { isFinished } from "../live/index.ts";
import { PhaseMark } from "./phase-mark.tsx";

interface LayerTableProps {
  readonly pull: PullStatus;
  /** Layers (by digest) that another pull fetches, and that pull's name. */
  readonly holders: ReadonlyMap<string, string>;
  /** The server's clock, ms. */
  readonly now: number;
}

/** The layers in the order of the manifest, base first: the figures, and when each was on its way. */
export function LayerTable({ pull, holders, now }: LayerTableProps) {
  if (pull.layers.length === 0) {
    return <p className="quiet">The layers are known as soon as the manifest is read.</p>;
  }
  const start = Date.parse(pull.startedAt);
  const end = pull.completedAt === undefined ? now : Date.parse(pull.completedAt);
  return (
    // Wider than a telephone: it scrolls by itself, and by keyboard.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard
    <section className="layer-scroll" tabIndex={0} aria-label="Layers">
      <table className="layers">
        <caption className="visually-hidden">Layers, base first</caption>
        <thead>
          <tr>
            <th scope="col" className="right">
              #
            </th>
            <th scope="col">Layer</th>
            <th scope="col">Type</th>
            <th scope="col" className="right">
              Size
            </th>
            <th scope="col" className="right">
              Downloaded
            </th>
            <th scope="col" className="right">
              Speed
            </th>
            <th scope="col">Phase</th>
            <th scope="col" className="right">
              Percent
            </th>
            <th scope="col">When</th>
          </tr>
        </thead>
        <tbody>
          {pull.layers.map((layer, at) => (
            <tr key={`${at} ${layer.digest}`}>
              <td className="right quiet">{at + 1}</td>
              <td className="digest" title={layer.digest}>
                {shortDigest(layer.digest)}
              </td>
              <td title={layer.mediaType}>
                {layer.mediaType === "" ? "not known yet" : shortMediaType(layer.mediaType)}
              </td>
              <td className="right">{layer.totalKnown ? formatBytes(layer.totalBytes) : "unknown"}</td>
              <td className="right">{layer.cached ? "–" : formatBytes(layer.downloadedBytes)}</td>
              <td className="right">{layer.phase === "downloading" ? formatSpeed(layer.bytesPerSec) : "–"}</td>
              <td>
                <LayerPhaseCell layer={layer} holder={holders.get(layer.digest)} ended={isFinished(pull)} />
              </td>
              <td className="right">{layer.totalKnown ? `${Math.floor(layer.percent)} %` : "–"}</td>
              <td className="when">
                <TimeSpan layer={layer} start={start} end={end} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface LayerPhaseProps {
  readonly layer: LayerStatus;
  readonly holder: string | undefined;
  /** The pull is over: what still waits will not begin. */
  readonly ended: boolean;
}

function LayerPhaseCell({ layer, holder, ended }: LayerPhaseProps) {
  if (layer.phase !== "waiting") return <PhaseMark phase={layer.phase} />;
  if (ended) return <PhaseMark phase="waiting" word="not begun" />;
  return <PhaseMark phase="waiting" word={holder === undefined ? "waiting for a slot" : `waits for ${holder}`} />;
}

/** From its first byte to being on the node, on the time line of the whole pull. */
function TimeSpan({ layer, start, end }: { layer: LayerStatus; start: number; end: number }) {
  const from = Date.parse(layer.startedAt);
  const to = layer.completedAt === undefined ? end : Date.parse(layer.completedAt);
  if (layer.cached || layer.phase === "waiting" || !(end > start) || Number.isNaN(from) || Number.isNaN(to))
    return null;
  const left = Math.min(1, Math.max(0, (from - start) / (end - start)));
  const width = Math.max(0.01, Math.min(1, (to - start) / (end - start)) - left);
  const title = `${formatInstant(from)} to ${layer.completedAt === undefined ? "now" : formatInstant(to)}`;
  return (
    <svg className="time-span" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <title>{title}</title>
      <rect className="time-track" x="0" y="3.5" width="100" height="1" />
      <rect className={`time-${layer.phase}`} x={left * 100} y="1" width={width * 100} height="6" />
    </svg>
  );
}
