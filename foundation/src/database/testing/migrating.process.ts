/** Opens the database named on the command line with the migrations below, and says how many rows they left. */
import { openDatabase } from "../index.ts";
import { slowMigrations, type SlowTables } from "./slow-migrations.ts";

const [url = ""] = process.argv.slice(2);
const database = await openDatabase<SlowTables>({ url, migrations: [slowMigrations] });
const rows = await database.read.selectFrom("step").select("number").orderBy("number").execute();
process.stdout.write(`${rows.map((row) => row.number).join(",")}\n`);
await database.close();
