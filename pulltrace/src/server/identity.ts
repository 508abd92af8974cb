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

const mostGenerations = 8;

/**
 * The id that a pull has by itself, when readers know it by another one: that of the row in which pods waited for it.
 * Undefined for all others, and for those of older agents, whose ids cannot be told from their keys.
 */
export function idBeforeAdoption(nodeName: string, key: string, id: string): string | undefined {
  if (!key.startsWith("id ")) return undefined;
  const own = Array.from({ length: mostGenerations }, (_, generation) =>
    createHash("sha256").update(`${nodeName}\n${key}\n${generation}`).digest("hex").slice(0, 32),
  );
  return own.includes(id) ? undefined : own[0];
}
