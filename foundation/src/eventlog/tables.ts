import type { MigrationSet } from "../database/index.ts";

export interface EventTables {
  event_stream: { stream: string; oldest: number; newest: number };
  event: {
    stream: string;
    number: number;
    /** Milliseconds since 1970. */
    time: number;
    type: string;
    subject: string;
    tenant: string | null;
    /** JSON */
    data: string;
  };
}

/** Give it to `openDatabase` beside the migrations of the system that writes events. */
export const eventLogMigrations: MigrationSet = {
  scope: "eventlog",
  migrations: [
    {
      name: "event",
      sql: `
        create table event_stream (
          stream text not null primary key,
          oldest bigint not null,
          newest bigint not null
        );
        create table event (
          stream text not null,
          number bigint not null,
          time bigint not null,
          type text not null,
          subject text not null,
          tenant text,
          data text not null,
          primary key (stream, number)
        );
        create index event_by_tenant on event (stream, tenant, number);
      `,
    },
  ],
};
