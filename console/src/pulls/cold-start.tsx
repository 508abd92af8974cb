import type { ColdLayer, ColdStart as ColdStartAnswer } from "@waybill/pulltrace/contract";
import { formatBytes, formatDuration, shortDigest } from "../format/index.ts";
import { useColdStart } from "../live/index.ts";

/** More than this would be no hint where to begin. */
const mostLayers = 5;

/** What the image would take on a node that has nothing of it, and which layers make it so. */
export function ColdStart({ imageRef }: { imageRef: string }) {
  const answer = useColdStart(imageRef);
  return answer === undefined ? null : <ColdStartWords answer={answer} />;
}

function ColdStartWords({ answer }: { answer: ColdStartAnswer }) {
  const heaviest = answer.layers.slice(0, Math.min(mostLayers, answer.heaviest));
  const whole = answer.heaviest >= answer.layers.length;
  return (
    <section className="cold-start" data-testid="cold-start">
      <p>
        {answer.sentence}
        {answer.basis === "typical" ? " No speed was seen yet: this reckons with a typical one." : ""}
      </p>
      {whole || heaviest.length === 0 ? null : (
        <ol aria-label="Layers that take longest on a cold node">
          {heaviest.map((layer) => (
            <HeavyLayer key={layer.digest} layer={layer} />
          ))}
        </ol>
      )}
    </section>
  );
}

function HeavyLayer({ layer }: { layer: ColdLayer }) {
  const share = Math.min(1, Math.max(0, layer.share));
  return (
    <li>
      <span className="digest" title={layer.digest}>
        {shortDigest(layer.digest)}
      </span>
      <span className="cold-bar" aria-hidden="true">
        <span style={{ width: `${share * 100}%` }} />
      </span>
      <span>{`${Math.round(share * 100)} %`}</span>
      <span className="quiet">{`${formatBytes(layer.totalBytes)}, ${formatDuration(Math.round(layer.seconds))}`}</span>
    </li>
  );
}
