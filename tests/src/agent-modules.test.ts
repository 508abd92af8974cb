import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@waybill/foundation/testing";
import {
  containerdPrograms,
  rateLimitedProxy,
  startContainerd,
  startMadeRegistry,
  startReportReceiver,
} from "@waybill/pulltrace/testing";
import { describe, expect, it } from "vitest";
import { agentRuntime } from "../../deploy/images/src/agent-runtime.ts";
import { bundleProgram } from "../../deploy/images/src/program-bundle.ts";

const { programs, missing } = await containerdPrograms();
for (const reason of missing) console.log(`what the agent loads: skipped in part, ${reason}`);

/** What brings OpenSSL, TLS or an HTTP client of several MiB into the process; see ADR 21. */
const heavy =
  /^(?:NativeModule|Internal Binding) (?:internal\/(?:crypto|tls|http2|deps\/undici)\/?.*|crypto|tls|tls_wrap|http2|https)$/;

/** Runs before the agent in its own process, and writes what was loaded when that ends. */
const witness = `process.on("exit", () => {
  require("node:fs").writeFileSync(process.env.LOADED_MODULES, JSON.stringify(process.moduleLoadList));
});`;

describe.skipIf(programs.length === 0)("the agent as its image runs it", () => {
  it("reports a pull to its end without crypto, TLS and HTTP/2 of Node", async () => {
    // What current Kubernetes ships.
    const program = programs.at(-1);
    if (program === undefined) throw new Error("there is no containerd");
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await temporaryFolder("waybill-agent-modules-"));
    const bundle = join(folder.path, "agent.cjs");
    const preload = join(folder.path, "witness.cjs");
    const loaded = join(folder.path, "loaded.json");
    await writeFile(bundle, (await bundleProgram("pulltrace-agent")).bytes);
    await writeFile(preload, witness);
    const registry = stack.adopt(await startMadeRegistry(), (made) => made.close());
    const layers = [1, 2].map((seed) => ({ seed, bytes: 1024 * 1024 }));
    const image = registry.add("team/small", "v1", layers, { index: true });
    // Slow enough that an agent that looks once a second sees it.
    const link = stack.adopt(
      await rateLimitedProxy({ target: { host: "127.0.0.1", port: registry.port }, bytesPerSecond: 512 * 1024 }),
      (proxy) => proxy.close(),
    );
    const containerd = stack.adopt(await startContainerd(program), (running) => running.close());
    const phases = new Set<string | undefined>();
    const receiver = stack.adopt(
      await startReportReceiver({ onReport: (report) => report.pulls.forEach((pull) => phases.add(pull.phase)) }),
      (one) => one.close(),
    );

    const agent = spawn(process.execPath, ["--require", preload, ...agentRuntime.nodeOptions, bundle], {
      stdio: ["ignore", "ignore", "inherit"],
      env: {
        ...process.env,
        NODE_OPTIONS: "",
        LOADED_MODULES: loaded,
        PULLTRACE_NODE_NAME: "node-1",
        PULLTRACE_SERVER_URL: receiver.url,
        PULLTRACE_CONTAINERD_SOCKET: containerd.socket,
        PULLTRACE_ALLOWED_SOCKETS: containerd.socket,
        PULLTRACE_LOG_LEVEL: "error",
      },
    });
    const ended = once(agent, "exit");
    stack.defer(async () => {
      agent.kill("SIGTERM");
      await ended;
    });
    // An agent takes what was there before it for left-overs: the image is pulled when it looks.
    await expect.poll(() => receiver.taken.length, { timeout: 60_000 }).toBeGreaterThan(0);
    await containerd.pull(`${link.address}/${image.reference}`).finished;
    await expect.poll(() => [...phases], { timeout: 60_000 }).toContain("done");
    agent.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);

    const modules: unknown = JSON.parse(await readFile(loaded, "utf8"));
    // The list is that of a process that did its work.
    expect(modules).toEqual(expect.arrayContaining(["NativeModule http", "NativeModule net"]));
    expect((modules as string[]).filter((name) => heavy.test(name))).toEqual([]);
  }, 180_000);
});
