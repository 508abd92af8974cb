import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { createTokenAuthority } from "@waybill/foundation/auth";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "./harness/until.ts";
import { launcher, runWaybill, startWaybill } from "./harness/waybill.ts";

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
store retain
store hold
store release
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
  });

  it.each(["store", "store tag-policy", "pulltrace", "kubenova", "kubenova token", "docs"])(
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

describe("the doctor", () => {
  it("finds that this machine works, as text and as JSON", async () => {
    const parameters = ["doctor", "--data", join(folder, "data"), "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
    const text = await runWaybill(parameters);
    expect(text.stdout).toMatch(/^ok +Node /m);
    expect(text.code).toBe(0);
    const json = JSON.parse((await runWaybill([...parameters, "--json"])).stdout) as {
      readonly verdict: string;
      readonly findings: readonly { readonly name: string; readonly status: string }[];
    };
    expect(json.verdict).toMatch(/^works/);
    expect(json.findings.map(({ name }) => name)).toContain("SQLite");
  });

  it("says which address is taken, what to do, and ends with 1", async () => {
    const server = createServer((socket) => socket.destroy());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const result = await runWaybill([
      "doctor",
      "--data",
      folder,
      "--http",
      `127.0.0.1:${port}`,
      "--metrics",
      "127.0.0.1:0",
    ]);
    server.close();
    expect(result.code).toBe(1);
    expect(result.stdout).toMatch(new RegExp(`FAILED +HTTP address +127.0.0.1:${port} is in use by another program`));
    expect(result.stdout).toContain("choose another address with --http");
  });

  it("says that a data folder cannot be one, and ends with 1", async () => {
    await writeFile(join(folder, "file"), "");
    const result = await runWaybill([
      "doctor",
      "--data",
      "/proc/none",
      "--http",
      "127.0.0.1:0",
      "--metrics",
      "127.0.0.1:0",
    ]);
    expect(result.code).toBe(1);
    expect(result.stdout).toMatch(/FAILED +(data folder|SQLite) /);
  });
});

describe("waybill up", () => {
  it("answers for all systems on one port and for Prometheus on another, and ends with 0 on SIGTERM", async () => {
    const waybill = await startWaybill();
    const status = async (path: string): Promise<number> => (await fetch(waybill.url + path)).status;
    for (const path of [
      "/v2/",
      "/version",
      "/api/v1/pulls",
      "/api/v1/clusters",
      "/events",
      "/healthz",
      "/readyz",
      "/",
    ]) {
      expect([path, await status(path)]).toEqual([path, 200]);
    }
    expect(await (await fetch(waybill.metricsUrl)).text()).toContain("pulltrace_pulls_active");
    expect(await waybill.waitForLine("open")).toContain("no authentication is configured");
    expect(await waybill.kill("SIGTERM")).toBe(0);
    await waybill.close();
  });

  it("does not wait for readers: streams and long polls end when it does", async () => {
    const waybill = await startWaybill();
    const stream = { headers: { accept: "text/event-stream" } };
    const readers = [
      await fetch(`${waybill.url}/api/v1/events`, stream),
      await fetch(`${waybill.url}/events`, stream),
    ].map((response) => response.text());
    const newest = ((await (await fetch(`${waybill.url}/events`)).json()) as { readonly newest: number }).newest;
    const poll = fetch(`${waybill.url}/events?after=${newest}&wait=60s`);
    // The poll must be on its way before the end begins.
    await until("the request is counted as running", async () =>
      /^waybill_http_requests_active [3-9]/m.test(await (await fetch(waybill.metricsUrl)).text()) ? true : undefined,
    );
    expect(await waybill.kill("SIGTERM")).toBe(0);
    expect(await (await poll).json()).toMatchObject({ events: [] });
    await Promise.all(readers);
    expect(waybill.output()).not.toContain("still ran");
    await waybill.close();
  });

  it("refuses a data folder that another has, with exit code 3", async () => {
    const data = join(folder, "shared");
    const waybill = await startWaybill(["--data", data]);
    const second = await runWaybill([
      "up",
      "--no-agent",
      "--http",
      "127.0.0.1:0",
      "--metrics",
      "127.0.0.1:0",
      "--data",
      data,
    ]);
    await waybill.close();
    expect(second.stderr).toContain(`${data} is in use by another Waybill (process ${waybill.pid})`);
    expect(second.code).toBe(3);
  });

  it("refuses an address that another has, with exit code 3 and the flag to change", async () => {
    const waybill = await startWaybill();
    const address = new URL(waybill.url).host;
    const second = await runWaybill([
      "up",
      "--no-agent",
      "--http",
      address,
      "--metrics",
      "127.0.0.1:0",
      "--data",
      join(folder, "other"),
    ]);
    await waybill.close();
    expect(second.stderr).toContain(`${address} is already in use`);
    expect(second.stderr).toContain("--http");
    expect(second.code).toBe(3);
  });

  it("refuses to be open to the network, and says how to configure it", async () => {
    const { code, stderr } = await runWaybill([
      "up",
      "--data",
      join(folder, "network"),
      "--http",
      ":0",
      "--metrics",
      "127.0.0.1:0",
    ]);
    expect(stderr).toMatch(/no authentication is configured[^]*KUBENOVA_REQUIRE_AUTH/);
    expect(code).toBe(1);
  });

  it("keeps saying that it is open to the network when that was allowed", async () => {
    const waybill = await startWaybill(["--http", "0.0.0.0:0", "--allow-open"]);
    const ready = (await (await fetch(`${waybill.url}/readyz`)).json()) as { readonly status: string };
    await waybill.close();
    expect(ready).toMatchObject({
      status: "warning",
      checks: expect.arrayContaining([
        expect.objectContaining({ name: "authentication", status: "warning" }),
      ]) as unknown[],
    });
    expect(waybill.output()).toContain('"level":"warn"');
  });

  it("with authentication lets in who has a token from its own key, and nobody else", async () => {
    const data = join(folder, "authenticated");
    const waybill = await startWaybill(["--data", data], { KUBENOVA_REQUIRE_AUTH: "true" });
    const { stdout } = await runWaybill(["kubenova", "token", "create", "--data", data]);
    const status = async (path: string, headers: Record<string, string>): Promise<number> =>
      (await fetch(waybill.url + path, { headers })).status;
    const bearer = { authorization: `Bearer ${stdout.trim()}` };
    const basic = { authorization: `Basic ${Buffer.from(`any:${stdout.trim()}`).toString("base64")}` };
    const report = await fetch(`${waybill.url}/api/v1/report`, { method: "POST", body: "{}" });
    const answers = {
      anonymous: [
        await status("/v2/", {}),
        await status("/api/v1/pulls", {}),
        await status("/api/v1/clusters", {}),
        report.status,
      ],
      bearer: [await status("/v2/", bearer), await status("/api/v1/pulls", bearer), await status("/api/v1/me", bearer)],
      basic: await status("/v2/", basic),
    };
    await waybill.close();
    expect(answers).toEqual({ anonymous: [401, 401, 401, 401], bearer: [200, 200, 200], basic: 200 });
  });
});

describe("each system alone", () => {
  it.each([
    ["store serve", ["--root", "DATA", "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"], "/v2/"],
    ["pulltrace server", ["--http-addr", "127.0.0.1:0", "--metrics-addr", "127.0.0.1:0"], "/api/v1/pulls"],
    ["kubenova manager", ["--data", "DATA", "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"], "/api/v1/clusters"],
  ])("waybill %s serves, is ready, and ends with 0", async (command, flags, path) => {
    const words = [
      ...command.split(" "),
      ...flags.map((flag) => (flag === "DATA" ? join(folder, command.replace(" ", "-")) : flag)),
    ];
    const service = await startWaybill(words);
    const answers = [path, "/readyz"].map(async (asked) => (await fetch(service.url + asked)).status);
    expect(await Promise.all(answers)).toEqual([200, 200]);
    expect(await service.kill("SIGINT")).toBe(0);
  });
});

describe("docs/settings.md", () => {
  it("is what the program says (make docs)", async () => {
    const { stdout } = await runWaybill(["docs", "settings"]);
    expect(await readFile(join(root, "docs/settings.md"), "utf8")).toBe(stdout);
  });
});
