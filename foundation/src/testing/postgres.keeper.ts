/**
 * Runs PostgreSQL for as long as somebody holds the other end of standard input: prints the address on one line, and at
 * the end of input stops the server and removes its files. A process of its own, so that a test run that is killed leaves
 * no server behind.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { freePort } from "./free-port.ts";
import { type Account, serverAccount } from "./postgres.account.ts";
import { type Binaries, findBinaries } from "./postgres.binaries.ts";
import { type DataFolder, freshDataFolder } from "./postgres.template.ts";

const START_TIMEOUT_MS = 240_000;

// Asked for at once: a parent that dies during the start is noticed as well.
const holderGone = Promise.race([
  once(process.stdin.resume(), "close"),
  once(process, "SIGTERM"),
  once(process, "SIGINT"),
]);

const account = await serverAccount();
const binaries = await findBinaries(account);
try {
  const files = await freshDataFolder(binaries, account);
  try {
    const { server, url } = await start(files, binaries, account);
    process.stdout.on("error", () => {});
    process.stdout.write(`${url}\n`);
    await holderGone;
    // Told to end by a signal, standard input may still be open, and would keep this process alive.
    process.stdin.destroy();
    await stop(server);
  } finally {
    await rm(files.folder, { recursive: true, force: true, maxRetries: 5 });
  }
} finally {
  await binaries.release();
}

async function start(
  files: DataFolder,
  binaries: Binaries,
  account: Account,
): Promise<{ server: ChildProcess; url: string }> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const server = serve(files, binaries, account, port);
    const url = `postgres://postgres:${files.password}@127.0.0.1:${port}/postgres`;
    if (await answers(server, url)) return { server, url };
    await stop(server);
    const log = await readFile(logOf(files), "utf8");
    // Between the question for a free port and the start somebody else may have taken it.
    if (attempt === 5 || !log.includes("could not bind"))
      throw new Error(`PostgreSQL did not start:\n${log.slice(-4000)}`);
  }
}

/** Durability is the server's own affair: the tests kill clients, never the server, so it need not wait for the disk. */
function serve(files: DataFolder, binaries: Binaries, account: Account, port: number): ChildProcess {
  const settings = {
    port: String(port),
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: "200",
    shared_buffers: "64MB",
    fsync: "off",
    full_page_writes: "off",
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const log = openSync(logOf(files), "w");
  try {
    return spawn(binaries.postgres, ["-D", files.data, ...flags], {
      ...account,
      cwd: "/",
      env: { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" },
      stdio: ["ignore", log, log],
    });
  } finally {
    closeSync(log);
  }
}

function logOf(files: DataFolder): string {
  return path.join(files.folder, "server.log");
}

async function answers(server: ChildProcess, url: string): Promise<boolean> {
  const giveUp = performance.now() + START_TIMEOUT_MS;
  while (server.exitCode === null && server.signalCode === null && performance.now() < giveUp) {
    const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 });
    client.on("error", () => {});
    const connected = await client.connect().then(
      () => true,
      () => false,
    );
    await client.end().catch(() => {});
    if (connected) return true;
    await sleep(20);
  }
  return false;
}

/** SIGINT is PostgreSQL's fast shutdown: clients are cut off, files are closed. */
async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const gone = once(server, "exit");
  server.kill("SIGINT");
  const forced = setTimeout(() => server.kill("SIGQUIT"), 10_000);
  await gone;
  clearTimeout(forced);
}
