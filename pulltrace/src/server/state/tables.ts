import type { MigrationSet } from "@waybill/foundation/database";

export interface StateTables {
  finished_pull: {
    /** The public id. */
    readonly id: string;
    readonly node_name: string;
    /** What makes two reported pulls of the node the same. */
    readonly key: string;
    /** Milliseconds since 1970. */
    readonly ended_at: number;
    readonly ended_by: string;
    /** JSON of a PullStatus. */
    readonly status: string;
  };
  /** A pull that readers know by the id of the row in which its pods waited. */
  adopted_id: {
    readonly node_name: string;
    /** The id that the pull has by itself. */
    readonly own_id: string;
    readonly id: string;
    /** Milliseconds since 1970. */
    readonly adopted_at: number;
  };
  learned_speed: {
    /** Empty for all nodes together. */
    readonly node_name: string;
    /** Milliseconds since 1970. */
    readonly learned_at: number;
    /** JSON of Speeds. */
    readonly speeds: string;
  };
}

export const stateMigrations: MigrationSet = {
  scope: "pulltrace",
  migrations: [
    {
      name: "finished-pulls-and-speeds",
      sql: `
        create table finished_pull (
          id text not null primary key,
          node_name text not null,
          key text not null,
          ended_at bigint not null,
          ended_by text not null,
          status text not null
        );
        create index finished_pull_ended_at on finished_pull (ended_at);
        create table learned_speed (
          node_name text not null primary key,
          learned_at bigint not null,
          speeds text not null
        );`,
    },
    {
      name: "adopted-ids",
      sql: `
        create table adopted_id (
          node_name text not null,
          own_id text not null,
          id text not null,
          adopted_at bigint not null,
          primary key (node_name, own_id)
        );`,
    },
  ],
};
