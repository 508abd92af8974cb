import { parseRepositoryName } from "../names/index.ts";
import { describeRun } from "../packages/index.ts";
import { openStore } from "../store/index.ts";

/**
 * A store that tells a state hub of its packages: `node webhook-store.process.ts ROOT [COMMAND …]`, a command being
 * `subscribe URL`, `seal RUN STATEHUB` or `delete ID`. Prints what each made, and delivers until it is killed.
 */
const [root = "", ...commands] = process.argv.slice(2);
const store = await openStore({ root });
await store.webhooks.start({ allowPrivateNetworks: true, firstDelayMs: 20, longestDelayMs: 200, timeoutMs: 2000 });
process.stdout.write("ready\n");

async function run(command: string, first = "", second = ""): Promise<string> {
  if (command === "subscribe") return (await store.webhooks.subscribe({ url: first, createdBy: "test" })).secret;
  if (command === "delete") return (await store.packages.delete(first, "superseded")).state;
  const totals = { tests: 1, tests_by_outcome: { OK: 1 } };
  const document = { run_id: first, producer: "guide-board", kind: "cmis", subject: { server: "x" }, totals };
  const { id } = await store.packages.open({
    repository: parseRepositoryName("acme/runs"),
    ...describeRun(document, second),
  });
  await store.packages.addFile(id, "run.json", { chunks: new Blob([JSON.stringify(document)]).stream() });
  await store.packages.seal(id);
  return id;
}

for (const command of commands) {
  process.stdout.write(`${await run(...(command.split(" ") as [string]))}\n`);
}
