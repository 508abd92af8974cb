/** Packages, their labels, and the files of open ones. Times are milliseconds since 1970. */
export interface PackageTables {
  store_packages: {
    id: string;
    repository_id: number;
    /** First element of the repository's name once more, for indexes. */
    tenant: string;
    /** Of its manifest; null while it is open. */
    digest: string | null;
    producer: string;
    kind: string;
    run_id: string | null;
    /** JSON, as it is told; `store_package_labels` is for searching. */
    labels: string;
    /** JSON */
    links: string;
    /** What it was opened with; null: the repository's. */
    class: string | null;
    /** `open`, `sealed` or `deleted`; that one has expired follows from times. */
    state: string;
    size: number;
    file_count: number;
    /** Bytes that its files take in its manifest. */
    manifest_bytes: number;
    created_at: number;
    sealed_at: number | null;
    /** Of an open one. */
    expires_at: number | null;
    reason: string | null;
    /** Digest of what an idempotency key opened it with. */
    fingerprint: string | null;
  };
  store_package_labels: {
    package_id: string;
    key: string;
    value: string;
    created_at: number;
  };
  /** Files of open packages: the references that keep their bytes until a manifest does. */
  store_package_files: {
    package_id: string;
    path: string;
    /** The path as a file system may see it that does not tell case or Unicode forms apart. */
    folded: string;
    repository_id: number;
    digest: string;
    media_type: string;
    size: number;
  };
  /** Manifests from before packages were: to be looked at once. */
  store_package_backlog: {
    repository_id: number;
    digest: string;
  };
}

export const packageMigration: { readonly name: string; readonly sql: string } = {
  name: "packages",
  sql: `
    create table store_packages (
      id text not null primary key,
      repository_id bigint not null references store_repositories (id),
      tenant text not null,
      digest text,
      producer text not null,
      kind text not null,
      run_id text,
      labels text not null,
      links text not null,
      class text,
      state text not null,
      size bigint not null,
      file_count bigint not null,
      manifest_bytes bigint not null,
      created_at bigint not null,
      sealed_at bigint,
      expires_at bigint,
      reason text,
      fingerprint text
    );
    create index store_packages_by_time on store_packages (created_at, id);
    create index store_packages_by_tenant on store_packages (tenant, created_at, id);
    create index store_packages_by_repository on store_packages (repository_id, created_at, id);
    create index store_packages_by_producer on store_packages (producer, kind, created_at, id);
    create index store_packages_by_kind on store_packages (kind, created_at, id);
    create index store_packages_by_run on store_packages (run_id, created_at, id) where run_id is not null;
    create index store_packages_by_digest on store_packages (digest, repository_id);
    create index store_packages_by_expiry on store_packages (expires_at) where state = 'open';
    create table store_package_labels (
      package_id text not null references store_packages (id) on delete cascade,
      key text not null,
      value text not null,
      created_at bigint not null,
      primary key (package_id, key)
    );
    create index store_package_labels_by_value on store_package_labels (key, value, created_at, package_id);
    create table store_package_files (
      package_id text not null references store_packages (id) on delete cascade,
      path text not null,
      folded text not null,
      repository_id bigint not null,
      digest text not null,
      media_type text not null,
      size bigint not null,
      primary key (package_id, path)
    );
    create unique index store_package_files_by_folded on store_package_files (package_id, folded);
    create index store_package_files_by_digest on store_package_files (digest, repository_id);
    create table store_package_backlog (
      repository_id bigint not null,
      digest text not null,
      primary key (repository_id, digest)
    );
    insert into store_package_backlog (repository_id, digest) select repository_id, digest from store_manifests`,
};
