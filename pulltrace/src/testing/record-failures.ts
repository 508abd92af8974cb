/**
 * Makes `answers/fixtures/failure-messages.json`: what the containerds of this machine say when pulls fail. Run by hand
 * as root: `node pulltrace/src/testing/record-failures.ts`.
 */
import { writeFile } from "node:fs/promises";
import { containerdPrograms } from "./containerd-programs.ts";
import { provokeFailures } from "./failures.ts";

const { programs, missing } = await containerdPrograms();
for (const reason of missing) process.stderr.write(`left out: ${reason}\n`);
const messages: unknown[] = [];
for (const program of programs) {
  for (const failure of await provokeFailures(program)) messages.push({ containerd: program.release, ...failure });
}
const file = new URL("../answers/fixtures/failure-messages.json", import.meta.url);
await writeFile(file, `${JSON.stringify(messages, undefined, 2)}\n`);
