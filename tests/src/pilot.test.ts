import { execFile } from "node:child_process";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { startStateHub, unpackRun } from "@waybill/artifact-store/testing";
import { temporaryFolder } from "@waybill/foundation/testing";
import { expect, it } from "vitest";
import { runWaybill, startWaybill } from "./harness/waybill.ts";

/** Real conformance runs, from the command line to a state hub. */

const run = promisify(execFile);
const subject = "Apache Chemistry OpenCMIS InMemory Server 1.1.0";

interface Listed {
  readonly id: string;
  readonly digest: string;
  readonly runId: string;
  readonly class: string;
}

it("conformance runs go in with one command, are found, come out as they were, and a state hub that fails beside a server that is killed is in step", async () => {
  await using folder = await temporaryFolder("waybill-pilot-");
  await using stack = new AsyncDisposableStack();
  const hub = stack.adopt(await startStateHub(), (one) => one.down());
  const root = join(folder.path, "store");
  const addresses = ["--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
  const waybill = stack.adopt(
    await startWaybill(["store", "serve", "--root", root, ...addresses, "--webhook-private-networks", "true"]),
    (running) => running.close(),
  );
  const own = { XDG_STATE_HOME: join(folder.path, "state"), HOME: folder.path };
  const store = async (words: readonly string[], place = ["--server", waybill.url]): Promise<string> => {
    const { code, stdout, stderr } = await runWaybill(["store", ...words, ...place], own, { cwd: folder.path });
    if (code !== 0) throw new Error(`waybill store ${words.join(" ")} ended with ${code}:\n${stderr}`);
    return stdout;
  };
  const api = async (method: string, path: string, body?: object): Promise<Readonly<Record<string, unknown>>> => {
    const response = await fetch(`${waybill.url}/api/v1${path}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Readonly<Record<string, unknown>>;
  };
  const found = async (...words: readonly string[]): Promise<readonly Listed[]> =>
    (await store(["ls", "--packages", "--json", ...words]))
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Listed);

  const { secret } = await api("POST", "/webhooks", { url: hub.url, types: ["package.*"] });
  hub.secret = String(secret);
  await store(["class", "runs", "--lifetime", "90d", "--longest", "400d"]);
  const passed = await unpackRun("20261121T080131Z-browser-version", folder.path);
  const failed = await unpackRun("20261121T080030Z-atompub-all", folder.path);
  const put = async (path: string, place?: string[]): Promise<Listed> => {
    const words = ["put", path, "acme/cmis", "--guide-board", "--statehub", hub.recordsUrl, "--class", "runs"];
    return JSON.parse(await store([...words, "--quiet", "--json"], place)) as Listed;
  };
  const first = await put(passed);
  expect(first).toMatchObject({ class: "runs", runId: "20261121T080131Z-browser-version" });
  const recordOf = ({ runId }: Listed) => hub.records.get(runId);
  const history = ["package.opened", "package.sealed"];
  await expect.poll(() => recordOf(first)).toEqual({ state: "sealed", digest: first.digest, history });

  // From here on the hub is away, and its link's other end goes on: also in a folder that no server holds.
  await hub.down();
  await api("DELETE", `/packages/${first.id}?reason=superseded`);
  await waybill.kill("SIGKILL");
  const second = await put(failed, ["--root", root]);
  await waybill.restart();
  const third = await put(passed);
  await waybill.kill("SIGKILL");
  hub.failing = 2;
  await hub.up();
  await waybill.restart();

  for (const words of [
    ["--run-id", third.runId],
    ["--label", "outcome=passed", "--label", `subject=${subject}`],
  ]) {
    expect((await found(...words)).map(({ id }) => id)).toEqual([third.id]);
  }
  expect((await found("--label", `subject=${subject}`)).map(({ id }) => id)).toEqual([third.id, second.id]);
  for (const [path, { digest }] of [
    [passed, third],
    [failed, second],
  ] as const) {
    const back = `back-${basename(path)}`;
    await store(["get", `acme/cmis@${digest}`, "--output", back, "--quiet"]);
    await run("diff", ["-r", path, join(folder.path, back)]);
  }

  await expect
    .poll(() => recordOf(third)?.history, { timeout: 120_000 })
    .toEqual([...history, "package.deleted", ...history]);
  expect(recordOf(third)).toMatchObject({ state: "sealed", digest: third.digest });
  expect(recordOf(second)).toEqual({ state: "sealed", digest: second.digest, history });
  expect(hub.forged).toBe(0);
});
