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
  ],
};
