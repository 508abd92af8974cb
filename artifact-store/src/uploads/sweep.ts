import type { BlobBackend, Stage } from "../blobs/index.ts";
import { expiredUploads, knownUploads, type Catalog } from "../catalog/index.ts";
import type { Sessions } from "./sessions.ts";

export interface SweepResult {
  /** Sessions that nobody continued in time. */
  readonly expired: number;
  /** Stages that no session owns: what a process left that was killed in the middle. */
  readonly orphans: number;
}

const batch = 200;

/** File systems round the time of a file down to their clock's last tick. */
const tickMs = 1000;

/**
 * Removes what nobody will finish. A stage without a session may be a write in one request that is under way: it goes
 * when its last byte is from before the store was opened, or older than `orphanGraceMs`.
 */
export async function sweepUploads(parts: {
  readonly catalog: Catalog;
  readonly backend: BlobBackend;
  readonly sessions: Sessions;
  /** Whether this process writes the stage now, without a session: a clock that jumps ahead makes it look abandoned. */
  readonly isWritten: (stage: string) => boolean;
  /** Milliseconds since 1970. */
  readonly openedAt: number;
  readonly orphanGraceMs: number;
  readonly now: () => number;
}): Promise<SweepResult> {
  const { catalog, backend, sessions, now } = parts;
  let expired = 0;
  let orphans = 0;
  await sessions.writeDown();
  for (;;) {
    const ids = (await expiredUploads(catalog, now(), batch)).filter((id) => !sessions.isBusy(id));
    for (const id of ids) await sessions.expire(id);
    expired += ids.length;
    if (ids.length < batch) break;
  }
  const removeOrphans = async (stages: readonly Stage[]): Promise<void> => {
    const owned = await knownUploads(
      catalog,
      stages.map((stage) => stage.id),
    );
    for (const stage of stages) {
      if (owned.has(stage.id) || sessions.isUnsaved(stage.id) || parts.isWritten(stage.id)) continue;
      await backend.dropStage(stage.id);
      orphans++;
    }
  };
  let old: Stage[] = [];
  for await (const stage of backend.stages()) {
    const abandoned = stage.modifiedAt < parts.openedAt - tickMs || now() - stage.modifiedAt >= parts.orphanGraceMs;
    if (!abandoned) continue;
    old.push(stage);
    if (old.length === batch) {
      await removeOrphans(old);
      old = [];
    }
  }
  await removeOrphans(old);
  return { expired, orphans };
}
