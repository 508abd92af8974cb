import type { Generated, Kysely, MigrationSet } from "@waybill/foundation/database";
import { packageMigration, type PackageTables } from "./package-tables.ts";
import { webhookKeyMigration, webhookMigration, type WebhookTables } from "./webhook-tables.ts";
import { placesMigration, type PlaceTables } from "./place-tables.ts";
import { tagPolicies, type TagPolicyTables } from "./tag-policy-tables.ts";
import { resumableUploads, type ResumableUploadTables } from "./resumable-upload-tables.ts";

/** Times are milliseconds since 1970. Digests and names are text in their checked form. */
export interface StoreTables extends PackageTables, PlaceTables, ResumableUploadTables, TagPolicyTables, WebhookTables {
  store_repositories: {
    id: Generated<number>;
    name: string;
    created_at: number;
    /** Retention class of manifests that are pushed here from now on. */
    class: Generated<string>;
  };
  /** Blobs that are durable in the backend, each once for all repositories. */
  store_blobs: {
    digest: string;
    size: number;
    created_at: number;
    /**
     * Until then nobody may collect the blob, whatever else refers to it: somebody was told that it is there and may be
     * about to name it in a manifest.
     */
    leased_until: number;
    /** Where the backend has the bytes; null: under the digest itself. */
    storage_key: string | null;
    /** When a review found no reference and no lease; null: live. Any new lease makes it live again. */
    condemned_at: number | null;
    /** When a reading found other bytes under the digest, or none; null: not that anybody knows. New bytes take it away. */
    damaged_at: number | null;
  };
  /** Which repository may show which blob: it was uploaded or mounted there. */
  store_repository_blobs: {
    repository_id: number;
    digest: string;
    created_at: number;
  };
  store_manifests: {
    repository_id: number;
    digest: string;
    media_type: string;
    artifact_type: string | null;
    subject: string | null;
    size: number;
    /** The very bytes that were pushed. Manifests are small and read far more often than written: one query serves one. */
    content: Uint8Array;
    created_at: number;
    class: Generated<string>;
    /** Null: without end, as far as time goes. */
    expires_at: number | null;
    /** When it was last pushed, or told to somebody; not every time, see `renewAfterMs`. */
    used_at: Generated<number>;
    /** When a tag last left it. */
    untagged_at: number | null;
    /** The index or subject that it went with, and that was deleted. */
    orphan_of: string | null;
    /** 1 when its rows in `store_manifest_blobs` and `store_manifest_children` are there. */
    indexed: Generated<number>;
  };
  /** Which blobs a manifest names: the references that keep bytes. */
  store_manifest_blobs: {
    repository_id: number;
    manifest: string;
    blob: string;
  };
  /** Which manifests an index names. */
  store_manifest_children: {
    repository_id: number;
    parent: string;
    child: string;
  };
  /** Blobs to look at again: something that kept them may have ended. */
  store_blob_reviews: {
    digest: string;
    due_at: number;
  };
  store_manifest_reviews: {
    repository_id: number;
    digest: string;
    due_at: number;
  };
  /** Bytes in the state "deleting": no blob has this key any more, and nobody may write under it. */
  store_removals: {
    storage_key: string;
    size: number;
    created_at: number;
    /** Not before: somebody may be reading them. */
    due_at: Generated<number>;
  };
  store_classes: {
    name: string;
    /** `RetentionClass` as JSON. */
    rules: string;
  };
  /** What blocks deletion: holds by people (`pin` 0), pins by machines (1). */
  store_holds: {
    repository_id: number;
    digest: string;
    pin: number;
    name: string;
    holder: string;
    why: string;
    created_at: number;
  };
  store_extensions: {
    repository_id: number;
    digest: string;
    holder: string;
    why: string;
    until: number;
    created_at: number;
  };
  /** One row: the name of the folder that this catalog speaks of. */
  store_identity: {
    id: string;
  };
  /** What is left of a manifest that was deleted. */
  store_tombstones: {
    repository_id: number;
    digest: string;
    reason: string;
    deleted_at: number;
  };
  store_tags: {
    repository_id: number;
    name: string;
    digest: string;
    updated_at: number;
  };
  store_uploads: {
    id: string;
    repository: string;
    algorithm: string;
    created_at: number;
    expires_at: number;
  };
}

/** Reads, or a transaction. */
export type Catalog = Kysely<StoreTables>;

function tables(id: string, bytes: string): string {
  return `
    create table store_repositories (
      id ${id},
      name text not null unique,
      created_at bigint not null
    );
    create table store_blobs (
      digest text primary key,
      size bigint not null,
      created_at bigint not null,
      leased_until bigint not null
    );
    create table store_repository_blobs (
      repository_id bigint not null references store_repositories (id),
      digest text not null references store_blobs (digest),
      created_at bigint not null,
      primary key (repository_id, digest)
    );
    create index store_repository_blobs_by_digest on store_repository_blobs (digest);
    create table store_manifests (
      repository_id bigint not null references store_repositories (id),
      digest text not null,
      media_type text not null,
      artifact_type text,
      subject text,
      size bigint not null,
      content ${bytes} not null,
      created_at bigint not null,
      primary key (repository_id, digest)
    );
    create index store_manifests_by_subject on store_manifests (repository_id, subject, digest) where subject is not null;
    create table store_tags (
      repository_id bigint not null references store_repositories (id),
      name text not null,
      digest text not null,
      updated_at bigint not null,
      primary key (repository_id, name),
      foreign key (repository_id, digest) references store_manifests (repository_id, digest) on delete cascade
    );
    create index store_tags_by_digest on store_tags (repository_id, digest);
    create table store_uploads (
      id text primary key,
      repository text not null,
      algorithm text not null,
      created_at bigint not null,
      expires_at bigint not null
    );
    create index store_uploads_by_expiry on store_uploads (expires_at)`;
}

const collectionAndRetention = `
    alter table store_repositories add column class text not null default 'standard';
    alter table store_blobs add column storage_key text;
    alter table store_blobs add column condemned_at bigint;
    alter table store_manifests add column class text not null default 'standard';
    alter table store_manifests add column expires_at bigint;
    alter table store_manifests add column used_at bigint not null default 0;
    alter table store_manifests add column untagged_at bigint;
    alter table store_manifests add column orphan_of text;
    alter table store_manifests add column indexed bigint not null default 0;
    create index store_manifests_not_indexed on store_manifests (repository_id, digest) where indexed = 0;
    create table store_manifest_blobs (
      repository_id bigint not null,
      manifest text not null,
      blob text not null,
      primary key (repository_id, manifest, blob),
      foreign key (repository_id, manifest) references store_manifests (repository_id, digest) on delete cascade
    );
    create index store_manifest_blobs_by_blob on store_manifest_blobs (blob, repository_id);
    create table store_manifest_children (
      repository_id bigint not null,
      parent text not null,
      child text not null,
      primary key (repository_id, parent, child),
      foreign key (repository_id, parent) references store_manifests (repository_id, digest) on delete cascade
    );
    create index store_manifest_children_by_child on store_manifest_children (repository_id, child);
    create table store_blob_reviews (
      digest text primary key,
      due_at bigint not null
    );
    create index store_blob_reviews_by_time on store_blob_reviews (due_at, digest);
    create table store_manifest_reviews (
      repository_id bigint not null,
      digest text not null,
      due_at bigint not null,
      primary key (repository_id, digest)
    );
    create index store_manifest_reviews_by_time on store_manifest_reviews (due_at, repository_id, digest);
    insert into store_blob_reviews (digest, due_at) select digest, leased_until from store_blobs;
    create table store_removals (
      storage_key text primary key,
      size bigint not null,
      created_at bigint not null
    );
    create table store_classes (
      name text primary key,
      rules text not null
    );
    create table store_holds (
      repository_id bigint not null,
      digest text not null,
      pin bigint not null,
      name text not null,
      holder text not null,
      why text not null,
      created_at bigint not null,
      primary key (repository_id, digest, pin, name),
      foreign key (repository_id, digest) references store_manifests (repository_id, digest)
    );
    create table store_extensions (
      repository_id bigint not null,
      digest text not null,
      holder text not null,
      why text not null,
      until bigint not null,
      created_at bigint not null,
      foreign key (repository_id, digest) references store_manifests (repository_id, digest) on delete cascade
    );
    create index store_extensions_by_manifest on store_extensions (repository_id, digest, created_at);
    create table store_tombstones (
      repository_id bigint not null references store_repositories (id),
      digest text not null,
      reason text not null,
      deleted_at bigint not null,
      primary key (repository_id, digest)
    )`;

/** The store's schema; the event log brings its own. */
export const storeMigrations: MigrationSet = {
  scope: "store",
  migrations: [
    {
      name: "repositories, blobs, manifests, tags, uploads",
      sql: {
        sqlite: tables("integer primary key", "blob"),
        postgres: tables("bigint generated always as identity primary key", "bytea"),
      },
    },
    { name: "collection and retention", sql: collectionAndRetention },
    { name: "identity", sql: "create table store_identity (id text primary key)" },
    packageMigration,
    placesMigration,
    { name: "resumable uploads", sql: resumableUploads },
    { name: "tag policies", sql: tagPolicies },
    webhookMigration,
    webhookKeyMigration,
    // A mark goes in the commit that names new bytes: `recordBlob`.
    { name: "damaged blobs", sql: "alter table store_blobs add column damaged_at bigint" },
  ],
};
