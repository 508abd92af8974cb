import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCluster } from "./cluster.ts";
import type { Cluster } from "./contract.ts";
import { clusterMissing } from "./missing.ts";
import { findPrograms } from "./programs/index.ts";
import { readUntil } from "./until.ts";

/** Every command of docs/deploy-pulltrace.md, as written and in its order, on a real cluster. */

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../../..");
const missing = await clusterMissing();
const reason = missing === undefined ? "" : ` (not tried: ${missing})`;
const page = await readFile(join(root, "docs/deploy-pulltrace.md"), "utf8");
const commands = [...page.matchAll(/^```sh\n([^]*?)^```/gm)].flatMap(([, block]) => (block ?? "").trim().split("\n"));

const forwarded = /127\.0\.0\.1:(\d+) ->/;
const stack = new AsyncDisposableStack();
let cluster: Cluster;
let environment: NodeJS.ProcessEnv;

/** `make images` without its set-up, which would install packages in the checkout that the tests run in. */
async function asRunHere(command: string): Promise<string> {
  if (!command.startsWith("make images")) return command;
  const recipe = /^images:.*\n((?:\t.*\n)+)/m.exec(await readFile(join(root, "Makefile"), "utf8"))?.[1] ?? "";
  const program = /^\t@(node .*) \$\(ARGS\)$/m.exec(recipe)?.[1];
  expect(program).toBe("node deploy/images/src/main.ts");
  const layout = join(environment["HOME"] ?? "", "images");
  return `${program} --output ${layout} ${/ARGS="(.*)"/.exec(command)?.[1] ?? ""}`;
}

async function runCommand(command: string): Promise<string> {
  const how = { env: environment, cwd: root, timeout: 400_000 };
  return (await run("sh", ["-c", await asRunHere(command)], how)).stdout;
}

beforeAll(async () => {
  if (missing !== undefined) return;
  const { paths } = await findPrograms();
  if (paths === undefined) throw new Error("no programs");
  const home = await mkdtemp(join(tmpdir(), "waybill-deploy-docs-"));
  stack.defer(() => rm(home, { recursive: true, force: true }));
  await symlink(paths.kube, join(home, "kubectl"));
  await symlink(paths.helm, join(home, "helm"));
  cluster = await startCluster({ nodes: 2, onProgress: (line) => process.stdout.write(`${line}\n`) });
  stack.defer(() => cluster.stop());
  environment = {
    HOME: home,
    PATH: `${home}:${process.env["PATH"]}`,
    KUBECONFIG: cluster.kubeconfig,
    PUSH_TO: cluster.registry,
    REGISTRY: "registry.test",
  };
});
afterAll(() => stack.disposeAsync());

describe.skipIf(missing !== undefined)(`docs/deploy-pulltrace.md${reason}`, () => {
  it("has the commands that this test knows", () => {
    expect(commands.map((command) => command.split(" ").slice(0, 2).join(" "))).toEqual([
      "make images",
      "helm install",
      "kubectl --namespace",
      "kubectl --namespace",
      "kubectl --namespace",
      "kubectl --namespace",
      "helm upgrade",
      "helm upgrade",
      "kubectl --namespace",
      "helm upgrade",
      "helm upgrade",
      "helm upgrade",
      "helm uninstall",
    ]);
  });

  it.each(commands.map((command) => [command] as const))("%s", async (command) => {
    if (command.includes("port-forward")) {
      await portForward(command);
      return;
    }
    if (command.includes("get pods")) {
      await readUntil(
        "all three to run",
        () => runCommand(command),
        (words) => /(?: 1\/1 +Running [^]*){3}/.test(words),
      );
      return;
    }
    const stdout = await runCommand(command);
    expect(stdout).toMatch(/MB compressed|STATUS: deployed|created|uninstalled|successfully rolled out/);
  });

  /** On a free port instead of 8080, which somebody may use here. */
  async function portForward(command: string): Promise<void> {
    const stop = new AbortController();
    const free = command.replace(" 8080:", " :");
    const forward = run("sh", ["-c", `exec ${free}`], { env: environment, cwd: root, signal: stop.signal });
    let printed = "";
    let end = "";
    forward.catch((error: unknown) => (end = String(error)));
    forward.child.stdout?.on("data", (chunk: string) => (printed += chunk));
    forward.child.stderr?.on("data", (chunk: string) => (printed += chunk));
    try {
      const printedAll = await readUntil(
        "the port to be forwarded",
        () => Promise.resolve(`${printed}${end}`),
        (words) => forwarded.test(words) || end !== "",
      );
      const answer = await fetch(`http://127.0.0.1:${forwarded.exec(printedAll)?.[1] ?? printedAll}/`);
      expect(await answer.text()).toContain("<title>");
    } finally {
      stop.abort();
    }
  }
});
