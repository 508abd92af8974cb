/**
 * Appends `count` events to a stream of the database `url`, one to three in a transaction, and rolls every fifth
 * transaction back: `node event-writer.process.ts URL STREAM NAME COUNT`.
 */
import { openDatabase } from "../../database/index.ts";
import { createEventLog, eventLogMigrations } from "../index.ts";

const [url = "", stream = "", name = "", count = "0"] = process.argv.slice(2);
const database = await openDatabase({ url, migrations: [eventLogMigrations] });
const log = createEventLog({ database, stream });
let written = 0;
for (let attempt = 1; written < Number(count); attempt++) {
  const size = Math.min((attempt % 3) + 1, Number(count) - written);
  const events = Array.from({ length: size }, (_, index) => ({
    type: "written",
    subject: `${name}-${written + index}`,
  }));
  const rolledBack = attempt % 5 === 0;
  await database
    .transaction(async (tx) => {
      await log.append(tx, rolledBack ? [{ type: "undone", subject: name }] : events);
      if (rolledBack) throw new Error("undo");
    })
    .catch((error: unknown) => {
      if (!rolledBack) throw error;
    });
  if (!rolledBack) written += size;
}
await database.close();
