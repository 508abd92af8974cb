/** What an upload of the resumable doors has beside its session. Times are milliseconds since 1970. */
export interface ResumableUploadTables {
  store_resumable_uploads: {
    id: string;
    repository: string;
    part: string;
    length: number | null;
    expected: string | null;
    metadata: string | null;
    digest: string | null;
    expires_at: number;
  };
}

export const resumableUploads = `
    create table store_resumable_uploads (
      id text primary key,
      repository text not null,
      part text not null,
      length bigint,
      expected text,
      metadata text,
      digest text,
      expires_at bigint not null
    );
    create index store_resumable_uploads_by_expiry on store_resumable_uploads (expires_at)`;
