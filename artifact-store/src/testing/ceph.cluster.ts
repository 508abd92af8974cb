import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { cephConfiguration, type CephPorts } from "./ceph.configuration.ts";
import { freePort } from "@waybill/foundation/testing";

export interface CephGateway {
  /** `http://127.0.0.1:port` */
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const run = promisify(execFile);
const startTimeoutMs = 240_000;
const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
const environment = { ...process.env, PATH: path, CEPH_ARGS: "", LC_ALL: "C" };

/** A small Ceph of its own in a folder that is there and empty; whoever starts it stops it and removes the folder. */
export class CephCluster {
  readonly gateway: CephGateway;
  /** From nothing to the gateway's first answer. Milliseconds. */
  readyMs = 0;
  readonly #folder: string;
  readonly #sparePort: number;
  readonly #daemons: ChildProcess[] = [];
  #spare: ChildProcess | undefined;

  private constructor(folder: string, ports: CephPorts) {
    this.#folder = folder;
    this.#sparePort = ports.spare;
    this.gateway = {
      endpoint: `http://127.0.0.1:${ports.gateway}`,
      accessKeyId: randomBytes(10).toString("hex"),
      secretAccessKey: randomBytes(20).toString("hex"),
    };
  }

  static async start(folder: string): Promise<CephCluster> {
    const ports = {
      monitor: await freePort(),
      gateway: await freePort(),
      spare: await freePort(),
      daemon: randomInt(20_000, 30_000),
    };
    const cluster = new CephCluster(folder, ports);
    const startedAt = performance.now();
    try {
      await cluster.#start(ports, cephConfiguration(folder, ports));
      cluster.readyMs = performance.now() - startedAt;
    } catch (error) {
      const told = await Promise.all(
        ["ceph-mon", "ceph-osd", "radosgw"].map((name) =>
          readFile(join(folder, `${name}.out`), "utf8").catch(() => ""),
        ),
      );
      await cluster.stop();
      throw new Error(`Ceph did not start: ${String(error)}\n${told.join("\n").slice(-3000)}`, { cause: error });
    }
    return cluster;
  }

  /** SIGKILL for the spare gateway; the objects stay, and so does the other gateway, which other tests talk to. */
  async killSpare(): Promise<void> {
    if (this.#spare !== undefined) await killed(this.#spare);
    this.#spare = undefined;
  }

  /** On the same port each time, and answering when this resolves. */
  async startSpare(): Promise<CephGateway> {
    this.#spare ??= this.#serve("radosgw", ["-n", "client.spare"]);
    await answers(this.#spare, this.#sparePort);
    return { ...this.gateway, endpoint: `http://127.0.0.1:${this.#sparePort}` };
  }

  async stop(): Promise<void> {
    await this.killSpare();
    await Promise.all(this.#daemons.map(killed));
  }

  async #start(ports: CephPorts, { text, fsid }: { readonly text: string; readonly fsid: string }): Promise<void> {
    for (const name of ["mon", "osd", "gateway", "spare"]) await mkdir(join(this.#folder, name));
    await writeFile(join(this.#folder, "ceph.conf"), text);
    const map = join(this.#folder, "monmap");
    const address = `[v2:127.0.0.1:${ports.monitor}]`;
    await this.#once(
      "monmaptool",
      ["--create", "--fsid", fsid, "--addv", "a", address, "--enable-all-features", map],
      "",
    );
    await this.#once("ceph-mon", ["--mkfs", "-i", "a", "--monmap", map]);
    this.#daemons.push(this.#serve("ceph-mon", ["-i", "a"]));
    const uuid = randomUUID();
    await this.#once("ceph", ["--connect-timeout", "20", "osd", "new", uuid]);
    await this.#once("ceph-osd", ["-i", "0", "--mkfs", "--osd-uuid", uuid]);
    this.#daemons.push(this.#serve("ceph-osd", ["-i", "0"]));
    const gateway = this.#serve("radosgw", ["-n", "client.rgw"]);
    this.#daemons.push(gateway);
    const { accessKeyId, secretAccessKey } = this.gateway;
    const user = [
      "--uid",
      "test",
      "--display-name",
      "test",
      "--access-key",
      accessKeyId,
      "--secret-key",
      secretAccessKey,
    ];
    await this.#once("radosgw-admin", [
      "-n",
      "client.rgw",
      "user",
      "create",
      ...user,
      "--caps",
      "roles=*;user-policy=*",
    ]);
    await answers(gateway, ports.gateway);
  }

  async #once(program: string, args: readonly string[], config = join(this.#folder, "ceph.conf")): Promise<void> {
    const all = config === "" ? args : ["-c", config, ...args];
    await run(program, all, { env: environment, timeout: startTimeoutMs, cwd: this.#folder });
  }

  #serve(program: string, args: readonly string[]): ChildProcess {
    const output = openSync(join(this.#folder, `${program}.out`), "a");
    try {
      // Whoever kills this process without warning takes the daemons along.
      const command = ["--pdeathsig", "KILL", program, "-c", join(this.#folder, "ceph.conf"), "-f", ...args];
      return spawn("setpriv", command, { env: environment, stdio: ["ignore", output, output], cwd: this.#folder });
    } finally {
      closeSync(output);
    }
  }
}

async function answers(gateway: ChildProcess, port: number): Promise<void> {
  const giveUp = performance.now() + startTimeoutMs;
  while (performance.now() < giveUp) {
    if (gateway.exitCode !== null || gateway.signalCode !== null) throw new Error("radosgw ended at its start");
    if (await listens(port)) return;
    await sleep(50);
  }
  throw new Error("radosgw did not answer within a minute");
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
