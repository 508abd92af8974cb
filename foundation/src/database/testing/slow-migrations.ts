import type { MigrationSet } from "../index.ts";

export interface SlowTables {
  step: { number: number };
}

/** Each leaves one row, and none may run twice; long enough that processes which start together meet. */
export const slowMigrations: MigrationSet = {
  scope: "slow",
  migrations: [
    { name: "step", sql: "create table step (number bigint not null)" },
    ...[1, 2, 3, 4, 5, 6].map((number) => ({
      name: `step-${number}`,
      sql: {
        sqlite: `
          with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000)
          insert into step select ${number} from n where i = 200000;`,
        postgres: `select pg_sleep(0.03); insert into step values (${number});`,
      },
    })),
  ],
};
