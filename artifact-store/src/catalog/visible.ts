import type { Digest } from "../digest/index.ts";
import type { RepositoryName } from "../names/index.ts";
import type { Catalog } from "./schema.ts";

/** Which repositories somebody may look into; each limit that is given holds. */
export interface Visible {
  /** Those of this tenant: the first element of their names. */
  readonly tenant?: string;
  /** These only. */
  readonly names?: readonly RepositoryName[];
}

/**
 * A repository among those visible that shows the blob. Each visible one is asked for it, rather than each that shows it
 * whether it is visible: what others have changes nothing, not even the time taken.
 */
export async function repositoryWith(
  catalog: Catalog,
  digest: Digest,
  visible: Visible,
): Promise<RepositoryName | undefined> {
  if (visible.names?.length === 0) return undefined;
  const seesAll = visible.tenant === undefined && visible.names === undefined;
  const query = seesAll
    ? catalog
        .selectFrom("store_repository_blobs as l")
        .innerJoin("store_repositories as r", "r.id", "l.repository_id")
        .select("r.name")
        .where("l.digest", "=", digest)
    : within(catalog, visible).where((where) =>
        where.exists(
          where
            .selectFrom("store_repository_blobs as l")
            .select("l.digest")
            .whereRef("l.repository_id", "=", "r.id")
            .where("l.digest", "=", digest),
        ),
      );
  const row = await query.limit(1).executeTakeFirst();
  return row?.name as RepositoryName | undefined;
}

/** Names of repositories that have a manifest, in byte order, after `after`. */
export async function pageRepositories(
  catalog: Catalog,
  page: { readonly visible: Visible; readonly after: string; readonly limit: number },
): Promise<RepositoryName[]> {
  if (page.visible.names?.length === 0) return [];
  const rows = await within(catalog, page.visible)
    .where("r.name", ">", page.after)
    .where((where) =>
      where.exists(
        where.selectFrom("store_manifests as m").select("m.digest").whereRef("m.repository_id", "=", "r.id"),
      ),
    )
    .orderBy("r.name")
    .limit(page.limit)
    .execute();
  return rows.map((row) => row.name as RepositoryName);
}

function within(catalog: Catalog, { tenant, names }: Visible) {
  let query = catalog.selectFrom("store_repositories as r").select("r.name");
  if (tenant !== undefined) {
    const { above, below } = rangeOfTenant(tenant);
    query = query.where((where) =>
      where.or([where("r.name", "=", tenant), where.and([where("r.name", ">", above), where("r.name", "<", below)])]),
    );
  }
  if (names !== undefined) query = query.where("r.name", "in", [...names]);
  return query;
}

/** A range of names and not a pattern: an index on names serves it. "0" follows "/" in byte order. */
export function rangeOfTenant(tenant: string): { readonly above: string; readonly below: string } {
  return { above: `${tenant}/`, below: `${tenant}0` };
}
