import { isRunning, type LayerStatus, type PullStatus } from "@waybill/pulltrace/contract";
import { formatBytes, formatSpeed, shortDigest, shortMediaType } from "../format/index.ts";
import { PhaseMark } from "../graphics/index.ts";
import { layerWaitWords } from "./time-left.ts";

interface LayerTableProps {
  readonly pull: PullStatus;
  /** Layers (by digest) that another pull fetches, and that pull's name. */
  readonly holders: ReadonlyMap<string, string>;
}

/** The layers in the order of the manifest, base first. */
export function LayerTable({ pull, holders }: LayerTableProps) {
  if (pull.layers.length === 0) {
    // Nothing was read of a pull that has not begun, or that was refused at its first request.
    if (!isRunning(pull)) return null;
    return <p className="quiet">The layers are known as soon as the manifest is read.</p>;
  }
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
              <td className="right">{downloadedText(layer)}</td>
              <td className="right">{layer.phase === "downloading" ? formatSpeed(layer.bytesPerSec) : "–"}</td>
              <td>
                {layer.phase === "waiting" ? (
                  <PhaseMark phase="waiting" word={layerWaitWords(pull, layer.digest, holders)} />
                ) : (
                  <PhaseMark phase={layer.phase} />
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Bytes, and their part of the whole: `20.0 MiB, 58 %`. 100 % stands only where every byte is there. */
function downloadedText(layer: LayerStatus): string {
  if (layer.cached) return "–";
  const bytes = formatBytes(layer.downloadedBytes);
  if (!layer.totalKnown || layer.totalBytes <= 0) return bytes;
  return `${bytes}, ${Math.min(100, Math.floor((layer.downloadedBytes / layer.totalBytes) * 100))} %`;
}
