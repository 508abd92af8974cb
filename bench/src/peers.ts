import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { openSync, closeSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";

/** A registry under measurement, in a process of its own, on an empty folder. */
export interface Peer {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const repositoryRoot = fileURLToPath(new URL("../../", import.meta.url));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function untilItAnswers(url: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (child.exitCode !== null) throw new Error(`the peer ended with exit code ${child.exitCode}`);
    const answered = await fetch(`${url}/v2/`).then(
      (response) => response.ok,
      () => false,
    );
    if (answered) return;
    await sleep(50);
  }
  throw new Error(`${url} did not answer within 10 s`);
}

async function start(
  name: string,
  command: (folder: string, port: number) => Promise<readonly [string, readonly string[]]>,
): Promise<Peer> {
  const folder = await mkdtemp(join(tmpdir(), "waybill-bench-"));
  const port = await freePort();
  const [program, parameters] = await command(folder, port);
  const output = openSync(join(folder, "output.txt"), "a");
  const child = spawn(program, parameters, {
    stdio: ["ignore", output, output],
    env: { ...process.env, OTEL_TRACES_EXPORTER: "none" },
  });
  closeSync(output);
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    if (child.pid === undefined) throw new Error(`${program} could not be started`);
    await untilItAnswers(url, child);
    return { name, url, pid: child.pid, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Our store alone, with all durability on. */
export function startWaybillStore(): Promise<Peer> {
  return start("waybill", async (folder, port) => {
    const root = join(folder, "store");
    await mkdir(root);
    const addresses = ["--http", `127.0.0.1:${port}`, "--metrics", "127.0.0.1:0"];
    return [join(repositoryRoot, "bin/waybill"), ["store", "serve", "--root", root, ...addresses]];
  });
}

/** Debian's docker-registry (distribution), as its package configures it, but quiet. It does not sync to disk. */
export function startDockerRegistry(): Promise<Peer> {
  return start("docker-registry", async (folder, port) => {
    const configuration = join(folder, "config.yml");
    await writeFile(
      configuration,
      JSON.stringify({
        version: "0.1",
        log: { level: "error", accesslog: { disabled: true } },
        storage: { filesystem: { rootdirectory: join(folder, "data") }, delete: { enabled: true } },
        http: { addr: `127.0.0.1:${port}` },
      }),
    );
    return ["docker-registry", ["serve", configuration]];
  });
}
