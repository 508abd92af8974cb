/**
 * Writes pairs of rows, one transaction each with a pause in the middle, and prints the number of each pair when it is
 * committed. Goes on until it is killed.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { openDatabase } from "../index.ts";
import { pairMigrations, type PairTables } from "./pair-migrations.ts";

const [url = ""] = process.argv.slice(2);
const database = await openDatabase<PairTables>({ url, migrations: [pairMigrations] });
for (let pair = 1; ; pair++) {
  await database.transaction(async (tx) => {
    await tx.insertInto("half").values({ pair, side: "left" }).execute();
    await sleep(2);
    await tx.insertInto("half").values({ pair, side: "right" }).execute();
  });
  process.stdout.write(`${pair}\n`);
}
