import type { Migration } from "@waybill/foundation/database";

/** Where the bytes are, and who may write there. Times are milliseconds since 1970. */
export interface PlaceTables {
  /** The places of this store: the one that new bytes go to, and one that is being left. */
  store_places: {
    /** The name that the place keeps itself, too. */
    id: string;
    role: "current" | "leaving";
    /** For people: an address without secrets. */
    address: string;
  };
  /** One row while a process has the store open whose bytes other machines reach, too. */
  store_lease: {
    id: number;
    /** The folder whose process it is; one process at a time has a folder. */
    holder: string;
    /** One more with each holder: what was begun under another number does not count. */
    term: number;
    /** Raised again and again; when it stands still for long enough, the holder is gone. */
    beat: number;
  };
}

export const placesMigration: Migration = {
  name: "places",
  sql: `
    alter table store_removals add column due_at bigint not null default 0;
    create index store_blobs_by_storage_key on store_blobs (storage_key) where storage_key is not null;
    create table store_places (
      id text primary key,
      role text not null unique,
      address text not null
    );
    create table store_lease (
      id bigint primary key,
      holder text not null,
      term bigint not null,
      beat bigint not null
    )`,
};
