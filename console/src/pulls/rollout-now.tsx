import type { ImageRollout } from "@waybill/pulltrace/contract";
import { formatTimeLeft } from "../format/index.ts";
import { useRollout } from "../live/index.ts";

interface RolloutNowProps {
  readonly imageRef: string;
  /** The server's clock, ms. */
  readonly now: number;
}

/** How far the roll-out is by the server's word: where the pulls that the page knows are those of an old list. */
export function RolloutNow({ imageRef, now }: RolloutNowProps) {
  const rollout = useRollout(imageRef);
  if (rollout === undefined) return null;
  return <p data-testid="rollout-now">{rolloutSentence(rollout, now)}</p>;
}

/** `Now 1,204 of 3,000 nodes have it, 12 failed. The last, node-7, in about 3 min 00 s.` */
export function rolloutSentence(rollout: ImageRollout, now: number): string {
  const { nodesWithImage, nodesPulling, nodesFailed, slowest, endsAt } = rollout;
  const all = nodesWithImage + nodesPulling + nodesFailed;
  const have = `Now ${nodesWithImage.toLocaleString("en")} of ${all.toLocaleString("en")} ${all === 1 ? "node has" : "nodes have"} it`;
  const failed = nodesFailed === 0 ? "" : `, ${nodesFailed.toLocaleString("en")} failed`;
  const end = endsAt === undefined ? "" : `, in ${formatTimeLeft((Date.parse(endsAt) - now) / 1000, true)}`;
  return `${have}${failed}.${slowest === undefined ? "" : ` The last is ${slowest.nodeName}${end}.`}`;
}
