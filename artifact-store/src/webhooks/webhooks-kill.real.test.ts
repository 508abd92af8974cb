import { once } from "node:events";
import { startProcess, temporaryFolder, type TestProcess } from "@waybill/foundation/testing";
import { expect, it } from "vitest";
import { startStateHub } from "../testing/index.ts";

const script = new URL("../testing/webhook-store.process.ts", import.meta.url);
const rounds = 10;

/** Starts it, lets it do its commands, and answers what each printed. */
async function start(root: string, ...commands: string[]): Promise<{ program: TestProcess; printed: string[] }> {
  const program = startProcess(script, [root, ...commands]);
  const printed: string[] = [];
  program.lines.on("line", (line) => printed.push(line));
  while (printed.length <= commands.length) {
    await Promise.race([once(program.lines, "line"), program.finished()]);
  }
  program.finished().catch(() => undefined); // it is killed
  return { program, printed: printed.slice(1) };
}

it(`a state hub is in step after ${rounds} × kill -9 between event and delivery, with the hub down, failing, or up`, async () => {
  await using folder = await temporaryFolder("waybill-webhook-kill-");
  const hub = await startStateHub();
  const first = await start(folder.path, `subscribe ${hub.url}`);
  hub.secret = first.printed[0] ?? "";
  await first.program.kill();
  const ids: string[] = [];
  for (let round = 0; round < rounds; round++) {
    if (round % 3 === 0) await hub.down();
    if (round % 3 === 1) hub.failing = 2;
    const { program, printed } = await start(folder.path, `seal r${round} ${hub.recordsUrl}`);
    ids.push(printed[0] ?? "");
    // What it printed is committed; how far its delivery came is left to chance.
    await program.kill();
    if (round % 3 === 0) await hub.up();
  }
  hub.failing = 0;
  const last = await start(folder.path, ...ids.map((id) => `delete ${id}`));
  await expect.poll(() => hub.records.get(`r${rounds - 1}`)?.state).toBe("deleted");
  expect([...hub.records]).toEqual(
    Array.from({ length: rounds }, (_, round) => [
      `r${round}`,
      {
        state: "deleted",
        digest: expect.stringMatching(/^sha256:/) as string,
        history: ["package.opened", "package.sealed", "package.deleted"],
      },
    ]),
  );
  expect(hub.forged).toBe(0);
  await last.program.kill();
  await hub.down();
});
