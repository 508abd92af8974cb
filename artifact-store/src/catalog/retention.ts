import type { Digest } from "../digest/index.ts";
import type { ManifestFacts, NamedReason, RetentionClass } from "../retention/index.ts";
import { parseRetentionClass, standardClass } from "../retention/index.ts";
import type { Catalog } from "./schema.ts";

/** A hold by people, or a pin by a machine. */
export interface HoldRow extends NamedReason {
  readonly pin: boolean;
}

/** Names are told, not counted: so many are enough for a sentence. */
const mostNames = 20;

/** The class of this name; the standard one where nobody defined it. Undefined when there is none. */
export async function findClass(catalog: Catalog, name: string): Promise<RetentionClass | undefined> {
  const row = await catalog.selectFrom("store_classes").select("rules").where("name", "=", name).executeTakeFirst();
  if (row !== undefined) return parseRetentionClass(JSON.parse(row.rules) as RetentionClass);
  return name === standardClass.name ? standardClass : undefined;
}

/** Defines a class, and looks again at every manifest that is in it. */
export async function defineClass(tx: Catalog, rules: RetentionClass, now: number): Promise<void> {
  const text = JSON.stringify(rules);
  await tx
    .insertInto("store_classes")
    .values({ name: rules.name, rules: text })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ rules: text }))
    .execute();
  await tx
    .insertInto("store_manifest_reviews")
    .columns(["repository_id", "digest", "due_at"])
    .expression((from) =>
      from
        .selectFrom("store_manifests")
        .select((is) => ["repository_id", "digest", is.cast<number>(is.val(now), "bigint").as("due_at")])
        .where("class", "=", rules.name)
        .orderBy("repository_id")
        .orderBy("digest"),
    )
    .onConflict((conflict) => conflict.columns(["repository_id", "digest"]).doUpdateSet({ due_at: now }))
    .execute();
}

/** Whether a repository or a manifest is in the class. */
export async function classInUse(catalog: Catalog, name: string): Promise<boolean> {
  for (const table of ["store_repositories", "store_manifests"] as const) {
    const user = await catalog.selectFrom(table).select("class").where("class", "=", name).limit(1).executeTakeFirst();
    if (user !== undefined) return true;
  }
  return false;
}

/** Says whether it was defined. */
export async function deleteClass(tx: Catalog, name: string): Promise<boolean> {
  const gone = await tx.deleteFrom("store_classes").where("name", "=", name).returning("name").executeTakeFirst();
  return gone !== undefined;
}

export async function allClasses(catalog: Catalog): Promise<RetentionClass[]> {
  const rows = await catalog.selectFrom("store_classes").select("rules").orderBy("name").execute();
  const defined = rows.map((row) => parseRetentionClass(JSON.parse(row.rules) as RetentionClass));
  return defined.some((one) => one.name === standardClass.name) ? defined : [standardClass, ...defined];
}

/** The class that manifests pushed to this repository get. */
export async function classOfRepository(catalog: Catalog, repository: number): Promise<RetentionClass> {
  const row = await catalog
    .selectFrom("store_repositories as r")
    .leftJoin("store_classes as c", "c.name", "r.class")
    .select("c.rules")
    .where("r.id", "=", repository)
    .executeTakeFirst();
  return classOf(row?.rules);
}

/** @param rules as they are stored; nothing: nobody defined the class */
function classOf(rules: string | null | undefined): RetentionClass {
  return typeof rules === "string" ? parseRetentionClass(JSON.parse(rules) as RetentionClass) : standardClass;
}

export async function setClassOfRepository(tx: Catalog, repository: number, name: string): Promise<void> {
  await tx.updateTable("store_repositories").set({ class: name }).where("id", "=", repository).execute();
}

export async function hasManifest(catalog: Catalog, repository: number, digest: Digest): Promise<boolean> {
  const row = await catalog
    .selectFrom("store_manifests")
    .select("digest")
    .where("repository_id", "=", repository)
    .where("digest", "=", digest)
    .executeTakeFirst();
  return row !== undefined;
}

export async function holdsOf(catalog: Catalog, repository: number, digest: Digest): Promise<HoldRow[]> {
  const rows = await catalog
    .selectFrom("store_holds")
    .select(["pin", "name", "holder", "why"])
    .where("repository_id", "=", repository)
    .where("digest", "=", digest)
    .orderBy("created_at")
    .execute();
  return rows.map(({ pin, ...reason }) => ({ ...reason, pin: pin === 1 }));
}

/** Undefined when there is no such manifest. */
export async function manifestFacts(
  catalog: Catalog,
  repository: number,
  digest: Digest,
  leaseMs: number,
): Promise<ManifestFacts | undefined> {
  const row = await catalog
    .selectFrom("store_manifests as m")
    .leftJoin("store_classes as c", "c.name", "m.class")
    .leftJoin("store_manifests as s", (join) =>
      join.onRef("s.repository_id", "=", "m.repository_id").onRef("s.digest", "=", "m.subject"),
    )
    .select(["m.created_at", "m.expires_at", "m.used_at", "m.untagged_at", "m.orphan_of", "c.rules"])
    .select("s.digest as subject")
    .where("m.repository_id", "=", repository)
    .where("m.digest", "=", digest)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const holds = await holdsOf(catalog, repository, digest);
  const tags = await catalog
    .selectFrom("store_tags")
    .select("name")
    .where("repository_id", "=", repository)
    .where("digest", "=", digest)
    .orderBy("name")
    .limit(mostNames)
    .execute();
  const parents = await catalog
    .selectFrom("store_manifest_children")
    .select("parent")
    .where("repository_id", "=", repository)
    .where("child", "=", digest)
    .orderBy("parent")
    .limit(mostNames)
    .execute();
  return {
    createdAt: row.created_at,
    class: classOf(row.rules),
    expiresAt: row.expires_at ?? undefined,
    leasedUntil: row.used_at + leaseMs,
    holds: holds.filter((hold) => !hold.pin),
    pins: holds.filter((hold) => hold.pin),
    tags: tags.map((tag) => tag.name),
    untaggedAt: row.untagged_at ?? undefined,
    indexes: parents.map((parent) => parent.parent),
    subject: row.subject ?? undefined,
    orphanOf: row.orphan_of ?? undefined,
  };
}

/** Places a hold or pin; one of the same name is replaced. */
export async function placeHold(
  tx: Catalog,
  repository: number,
  digest: Digest,
  hold: HoldRow,
  now: number,
): Promise<void> {
  const { name, holder, why } = hold;
  await tx
    .insertInto("store_holds")
    .values({ repository_id: repository, digest, pin: hold.pin ? 1 : 0, name, holder, why, created_at: now })
    .onConflict((conflict) => conflict.columns(["repository_id", "digest", "pin", "name"]).doUpdateSet({ holder, why }))
    .execute();
}

/** Says whether it was there. */
export async function releaseHold(
  tx: Catalog,
  repository: number,
  digest: Digest,
  hold: { readonly pin: boolean; readonly name: string },
): Promise<boolean> {
  const gone = await tx
    .deleteFrom("store_holds")
    .where("repository_id", "=", repository)
    .where("digest", "=", digest)
    .where("pin", "=", hold.pin ? 1 : 0)
    .where("name", "=", hold.name)
    .returning("name")
    .executeTakeFirst();
  return gone !== undefined;
}

export async function setExpiry(
  tx: Catalog,
  repository: number,
  digest: Digest,
  expiry: { readonly class?: string; readonly expiresAt: number | undefined },
): Promise<void> {
  await tx
    .updateTable("store_manifests")
    .set({
      expires_at: expiry.expiresAt ?? null,
      ...(expiry.class === undefined ? {} : { class: expiry.class }),
    })
    .where("repository_id", "=", repository)
    .where("digest", "=", digest)
    .execute();
}

export interface Extension {
  readonly holder: string;
  readonly why: string;
  readonly until: number;
  readonly at: number;
}

export async function recordExtension(
  tx: Catalog,
  repository: number,
  digest: Digest,
  { holder, why, until, at }: Extension,
): Promise<void> {
  await tx
    .insertInto("store_extensions")
    .values({ repository_id: repository, digest, holder, why, until, created_at: at })
    .execute();
}

export async function extensionsOf(catalog: Catalog, repository: number, digest: Digest): Promise<Extension[]> {
  const rows = await catalog
    .selectFrom("store_extensions")
    .select(["holder", "why", "until", "created_at"])
    .where("repository_id", "=", repository)
    .where("digest", "=", digest)
    .orderBy("created_at")
    .execute();
  return rows.map((row) => ({ holder: row.holder, why: row.why, until: row.until, at: row.created_at }));
}

export interface Tombstone {
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly deletedAt: number;
}

export async function recordTombstone(
  tx: Catalog,
  repository: number,
  digest: Digest,
  { reason, deletedAt }: Tombstone,
): Promise<void> {
  await tx
    .insertInto("store_tombstones")
    .values({ repository_id: repository, digest, reason, deleted_at: deletedAt })
    .onConflict((conflict) =>
      conflict.columns(["repository_id", "digest"]).doUpdateSet({ reason, deleted_at: deletedAt }),
    )
    .execute();
}

export async function findTombstone(
  catalog: Catalog,
  repository: number,
  digest: Digest,
): Promise<Tombstone | undefined> {
  const row = await catalog
    .selectFrom("store_tombstones")
    .select(["reason", "deleted_at"])
    .where("repository_id", "=", repository)
    .where("digest", "=", digest)
    .executeTakeFirst();
  return row && { reason: row.reason, deletedAt: row.deleted_at };
}

/** A repository's tags with what rules ask about. */
export async function tagFacts(
  catalog: Catalog,
  repository: number,
): Promise<{ readonly name: string; readonly digest: Digest; readonly updatedAt: number; readonly usedAt: number }[]> {
  const rows = await catalog
    .selectFrom("store_tags as t")
    .innerJoin("store_manifests as m", (join) =>
      join.onRef("m.repository_id", "=", "t.repository_id").onRef("m.digest", "=", "t.digest"),
    )
    .select(["t.name", "t.digest", "t.updated_at", "m.used_at"])
    .where("t.repository_id", "=", repository)
    .orderBy("t.name")
    .execute();
  return rows.map((row) => ({
    name: row.name,
    digest: row.digest as Digest,
    updatedAt: row.updated_at,
    usedAt: row.used_at,
  }));
}
