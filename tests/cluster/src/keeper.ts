/**
 * `node keeper.ts ID`: waits until nobody holds the other end of its standard input any more, then takes cluster ID
 * away; who writes something before that is a test that ends in order. A process of its own, so that a test run that is killed leaves no cluster behind.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { cleanUp } from "./clean-up.ts";
import { identityFor } from "./identity.ts";

const identity = identityFor(process.argv[2] ?? "");
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
let asked = false;
process.stdin.once("data", () => (asked = true));
process.stdin.once("close", () => {
  end().catch((error: unknown) => {
    // The test's process may be gone, and with it whoever reads this.
    process.stderr.on("error", () => undefined);
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
});

async function end(): Promise<void> {
  await cleanUp(identity);
  if (asked) return;
  // Killed in the middle of its start, the test may have left an `ip` or a `mount` that was just about to do its work.
  await sleep(500);
  await cleanUp(identity);
}
