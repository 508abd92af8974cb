import { createHash } from "node:crypto";
import type { ReportedPull } from "../contract/index.ts";

/** What makes two reported pulls of one node the same: the agent's id, or for an older agent the image. */
export function keyOf(pull: ReportedPull): string {
  return pull.id === undefined ? `image ${pull.imageRef}` : `id ${pull.id}`;
}

/**
 * The id that readers see: the same after a restart of agent or server, and different on each node even when two
 * agents chose the same id. `generation` > 0 is a pull that came back after the server had already told its end.
 */
export function pullId(nodeName: string, pull: ReportedPull, generation: number): string {
  const hash = createHash("sha256").update(`${nodeName}\n${keyOf(pull)}\n${generation}`);
  if (pull.id === undefined) hash.update(`\n${pull.startedAt}`);
  return hash.digest("hex").slice(0, 32);
}
