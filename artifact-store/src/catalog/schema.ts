import type { Generated, Kysely, MigrationSet } from "@waybill/foundation/database";

/** Times are milliseconds since 1970. Digests and names are text in their checked form. */
export interface StoreTables {
  store_repositories: {
    id: Generated<number>;
    name: string;
    created_at: number;
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
  ],
};
