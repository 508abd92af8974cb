/**
 * `node keeper.ts ID`: waits until nobody holds the other end of its standard input any more, then takes cluster ID
 * away. A process of its own, so that a test run that is killed leaves no cluster behind.
 */
import { cleanUp } from "./clean-up.ts";
import { identityFor } from "./identity.ts";

const identity = identityFor(process.argv[2] ?? "");
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
process.stdin.resume();
process.stdin.once("close", () => {
  cleanUp(identity).catch((error: unknown) => {
    // The test's process may be gone, and with it whoever reads this.
    process.stderr.on("error", () => undefined);
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
});
