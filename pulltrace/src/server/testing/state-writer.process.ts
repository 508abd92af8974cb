/**
 * Gives pulls other ids and ends them, some at a time, and prints the number of the last one when all until then are on disk. Goes on until it is
 * killed.
 */
import { silentLogger } from "@waybill/foundation/testing";
import { openPullState } from "../state/index.ts";
import { storedPull } from "./stored-pull.ts";

const [folder = "", first = ""] = process.argv.slice(2);
const state = await openPullState({ folder, historyTtlMs: 3_600_000, log: silentLogger() });
for (let number = Number(first); ;) {
  for (const end = number + 50; number < end; number += 1) {
    state.adopted({ nodeName: `node-${number % 7}`, ownId: `own ${number}`, id: String(number) });
    state.ended(storedPull(number, Date.now()));
  }
  await state.settled();
  process.stdout.write(`${number - 1}\n`);
}
