import type { MigrationSet } from "../index.ts";

export interface PairTables {
  half: { pair: number; side: string };
}

export const pairMigrations: MigrationSet = {
  scope: "pairs",
  migrations: [
    { name: "half", sql: "create table half (pair bigint not null, side text not null, primary key (pair, side))" },
  ],
};
