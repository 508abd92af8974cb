import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { createTokenAuthority } from "@waybill/foundation/auth";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launcher, runWaybill } from "./harness/waybill.ts";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "waybill-cli-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the launcher", () => {
  it("starts through a chain of symbolic links, from any folder", async () => {
    await symlink(launcher, join(folder, "one"));
    await symlink("one", join(folder, "two"));
    const { stdout } = await run(join(folder, "two"), ["version"], { cwd: "/" });
    expect(stdout).toMatch(/^waybill \d+\.\d+\.\d+ \(Node 2\d\./);
  });

  it("says what to do in a checkout that was not set up", async () => {
    await run("mkdir", ["-p", join(folder, "checkout/bin")]);
    await run("cp", [launcher, join(folder, "checkout/bin/waybill")]);
    const failure = await run(join(folder, "checkout/bin/waybill"), []).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 1, stderr: expect.stringContaining("make -C") as string });
  });
});

/** Every command that does something, as one would type it. */
const commands = `up
demo
store serve
store put
store get
store ls
store show
store verify
store audit
store retain
store hold
store release
store pin
store unpin
store class
store uploads
store export
store import
store migrate
store gc
store simulate
store tag-policy list
store tag-policy put
store tag-policy remove
store tag-policy judge
store webhook list
store webhook show
store webhook add
store webhook remove
store webhook dead-letters
store webhook redeliver
pulltrace server
pulltrace agent
pulltrace record
pulltrace replay
kubenova manager
kubenova token create
doctor
version
completion
docs settings`.split("\n");

describe("the command line", () => {
  it("lists in its help exactly the commands that this test knows", async () => {
    const { stdout } = await runWaybill(["completion", "fish"]);
    const listed = /^set -g __waybill_commands (.*)$/m.exec(stdout)?.[1]?.match(/[^']+(?=')/g) ?? [];
    const paths = listed.filter((path) => path.trim() !== "");
    const leaves = paths.filter((path) => !paths.some((other) => other.startsWith(`${path} `)));
    expect(leaves.toSorted()).toEqual([...commands].toSorted());
  });

  it.each(commands)("%s has help with examples", async (command) => {
    const { code, stdout } = await runWaybill([...command.split(" "), "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: waybill ${command}`);
    expect(stdout).toContain("Examples:\n");
    expect(stdout).toContain("Exit codes: 0 when it worked");
    // What a server says are its log lines.
    const answers = command.startsWith("store ") && command !== "store serve";
    expect(answers).toBe(answers && stdout.includes(" --json "));
  });

  it.each(["store", "store tag-policy", "store webhook", "pulltrace", "kubenova", "kubenova token", "docs"])(
    "%s, a group of commands, has help with examples that are commands",
    async (group) => {
      const { code, stdout } = await runWaybill(["help", ...group.split(" ")]);
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: waybill ${group}`);
      const examples = [...stdout.matchAll(/^ {2}waybill (.+)$/gm)].map((match) => match[1] ?? "");
      expect(examples.length).toBeGreaterThan(0);
      for (const example of examples) {
        expect(commands.some((command) => example.startsWith(command) && command.startsWith(group))).toBe(true);
      }
    },
  );

  it("has the help of a command under both spellings", async () => {
    const asked = await runWaybill(["help", "store", "tag-policy", "put"]);
    expect(asked).toEqual(await runWaybill(["store", "tag-policy", "put", "--help"]));
    expect(asked.stdout).toContain("Usage: waybill store tag-policy put");
  });

  it("says its exit codes", async () => {
    expect((await runWaybill(["--help"])).stdout).toMatch(/Exit codes:\n {2}0 +it worked/);
  });

  it.each([
    [["stroe"], "Did you mean store?"],
    [["stroe", "--help"], "Did you mean store?"],
    [["help", "dcotor"], "Did you mean doctor?"],
    [["store", "lss"], "Did you mean ls?"],
    [["store", "lss"], "Run `waybill store --help`"],
    [["store", "tag-policy", "pt", "--help"], "Did you mean put?"],
    [["kubenova", "tokn"], "Did you mean token?"],
    [["store", "ls", "--jsn"], "Run `waybill store ls --help`"],
    [["up", "--dta", "x"], "Did you mean --data?"],
    [["store"], "Commands:\n  serve"],
    [[], "Commands:\n  up"],
    [["up", "--http", "somewhere"], "--http must be an address"],
    [["pulltrace", "agent"], "PULLTRACE_NODE_NAME is required"],
    [["completion", "tcsh"], "Allowed choices are bash, zsh, fish"],
    [["kubenova", "token", "create", "--ttl", "0s"], "--ttl must be at least 1m"],
  ])("%j is a wrong use: exit code 2 and what is right", async (words, said) => {
    const { code, stderr, stdout } = await runWaybill(words);
    expect(stderr).toContain(said);
    expect(stdout).toBe("");
    expect(code).toBe(2);
  });

  it("names a bad variable of the environment, and never a secret's value", async () => {
    const { code, stderr } = await runWaybill(["up"], { JWT_SIGNING_KEY: "tooshort", PULLTRACE_HISTORY_TTL: "soon" });
    expect(code).toBe(2);
    expect(stderr).toMatch(/JWT_SIGNING_KEY must be at least 32 characters/);
    expect(stderr).toMatch(/PULLTRACE_HISTORY_TTL must be a duration/);
    expect(stderr).not.toContain("tooshort");
  });

  it("takes a secret from a file, and warns of one that is in its arguments", async () => {
    const key = join(folder, "signing.key");
    await writeFile(key, `${"k".repeat(40)}\n`);
    const create = ["kubenova", "token", "create"];
    const fromFile = await runWaybill([...create, "--jwt-signing-key-file", key]);
    expect(fromFile).toMatchObject({ code: 0, stderr: "" });
    const authority = createTokenAuthority({ key: Buffer.from("k".repeat(40)) });
    expect(await authority.authenticator({ bearer: fromFile.stdout.trim() })).toMatchObject({
      subject: "command-line",
    });
    expect(await runWaybill(create, { JWT_SIGNING_KEY_FILE: key })).toMatchObject({ code: 0, stderr: "" });
    const shown = await runWaybill([...create, "--jwt-signing-key", "s".repeat(40)]);
    expect(shown.code).toBe(0);
    expect(shown.stderr).toMatch(
      /warning: .*--jwt-signing-key.*use --jwt-signing-key-file FILE, or JWT_SIGNING_KEY\n$/,
    );
    expect(shown.stderr).not.toContain("sss");
    const missing = await runWaybill([...create, "--jwt-signing-key-file", join(folder, "none")]);
    expect(missing).toMatchObject({ code: 2, stdout: "" });
    expect(missing.stderr).toContain("--jwt-signing-key-file cannot be read: ENOENT");
    const harmless = ["--database-url", join(folder, "none/catalog.sqlite"), "--root", join(folder, "none")];
    expect((await runWaybill(["store", "ls", ...harmless])).stderr).not.toContain("warning");
    const withPassword = ["--database-url", "postgres://waybill:hunter2@127.0.0.1:1/waybill", "--root", folder];
    const refused = await runWaybill(["store", "ls", ...withPassword]);
    expect(refused.stderr).toContain("warning: who lists processes sees the secret of --database-url");
    expect(refused.stderr).not.toContain("hunter2");
  });

  it("ends quietly when its reader has seen enough", async () => {
    const { stdout } = await run("sh", ["-c", `${launcher} completion bash | head -n 1; echo "\${PIPESTATUS:-}"`]);
    expect(stdout).toContain("# bash completion of waybill");
  });

  it("ends with its own exit code when nobody reads what it says is wrong", async () => {
    const child = spawn(launcher, ["store"], { stdio: ["ignore", "ignore", "pipe"] });
    child.stderr.destroy();
    const [code] = (await once(child, "exit")) as [number | null];
    expect(code).toBe(2);
  });

  it("prints data as JSON for programs", async () => {
    const version = JSON.parse((await runWaybill(["version", "--json"])).stdout) as Record<string, unknown>;
    expect(version).toMatchObject({ version: expect.any(String) as string, node: expect.any(String) as string });
    const environment = { JWT_SIGNING_KEY: "k".repeat(40) };
    const token = JSON.parse((await runWaybill(["kubenova", "token", "create", "--json"], environment)).stdout) as {
      readonly token: string;
      readonly expiresAt: string;
    };
    expect(token.token.split(".")).toHaveLength(3);
    expect(Date.parse(token.expiresAt)).toBeGreaterThan(Date.now());
  });
});

describe("shell completion", () => {
  it.each([
    ["waybill pulltr", 1, "pulltrace"],
    ["waybill pulltrace ", 2, "agent"],
    ["waybill kubenova token cr", 3, "create"],
    ["waybill up --da", 2, "--data"],
    ["waybill completion z", 2, "zsh"],
  ])("bash completes %j", async (typed, position, expected) => {
    const words = typed
      .split(" ")
      .map((word) => `'${word}'`)
      .join(" ");
    const file = join(folder, "completion.bash");
    await writeFile(file, (await runWaybill(["completion", "bash"])).stdout);
    const script = `source ${file}; COMP_WORDS=(${words}); COMP_CWORD=${position}; _waybill; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await run("bash", ["-c", script]);
    expect(stdout.split("\n")).toContain(expected);
  });
});

describe("docs/settings.md", () => {
  it("is what the program says (make docs)", async () => {
    const { stdout } = await runWaybill(["docs", "settings"]);
    expect(await readFile(join(root, "docs/settings.md"), "utf8")).toBe(stdout);
  });
});
