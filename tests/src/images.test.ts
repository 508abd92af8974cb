import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, chown, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { freePort, temporaryFolder } from "@waybill/foundation/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containerdMissing, startContainerd, type RunningContainerd } from "./harness/containerd.ts";
import { until } from "./harness/until.ts";
import { startWaybill, type RunningWaybill } from "./harness/waybill.ts";

/** The container images as they ship: built by our code, pushed into our registry, pulled and run by a real containerd. */

const run = promisify(execFile);
const program = resolve(import.meta.dirname, "../../deploy/images/src/main.ts");
const stack = new AsyncDisposableStack();
const noBuild = buildMissing();
if (noBuild !== undefined) console.warn(`skipped: container images: ${noBuild}`);
const noContainerd = noBuild ?? containerdMissing();
if (noContainerd !== undefined) console.warn(`skipped: images under containerd: ${noContainerd}`);

interface Built {
  readonly name: string;
  readonly tag: string;
  readonly digest: string;
  readonly bytes: number;
}
interface Descriptor {
  readonly digest: string;
  readonly platform?: { readonly architecture: string; readonly os: string };
}
interface Configuration {
  readonly config: {
    readonly User: string;
    readonly Entrypoint: readonly string[];
    readonly ExposedPorts?: Readonly<Record<string, unknown>>;
    readonly Labels: Readonly<Record<string, string>>;
  };
}

/** The reason why images cannot be built here, as a sentence; undefined when they can. */
function buildMissing(): string | undefined {
  if (process.platform !== "linux" || process.arch !== "x64") return "their packages are pinned for amd64";
  const folders = (process.env["PATH"] ?? "").split(":");
  const missing = ["apt-get", "dpkg-deb", "strip"].filter((name) => !folders.some((at) => existsSync(join(at, name))));
  return missing.length === 0
    ? undefined
    : `they are built on Debian with apt-get, dpkg and binutils: no ${missing[0]}`;
}

let folder: string;
let layout: string;
let registry: RunningWaybill;
let images: readonly Built[];

async function build(output: string, ...more: readonly string[]): Promise<readonly Built[]> {
  const { stdout } = await run(process.execPath, [program, "--output", output, "--json", ...more]);
  return (JSON.parse(stdout) as { readonly images: readonly Built[] }).images;
}

const blob = (digest: string): string => join(layout, "blobs", ...digest.split(":"));
const read = async (digest: string): Promise<unknown> => JSON.parse(await readFile(blob(digest), "utf8"));

function named(name: string): Built {
  const image = images.find((candidate) => candidate.name === `waybill/${name}`);
  if (image === undefined) throw new Error(`no image ${name}`);
  return image;
}

async function inside(name: string) {
  const index = (await read(named(name).digest)) as { readonly manifests: readonly Descriptor[] };
  const manifest = (await read(index.manifests[0]?.digest ?? "")) as {
    readonly config: Descriptor;
    readonly layers: readonly Descriptor[];
  };
  return { index, manifest, configuration: (await read(manifest.config.digest)) as Configuration };
}

/** Lines of `tar -tv` of every layer. */
async function files(name: string): Promise<string[]> {
  const { manifest } = await inside(name);
  const lists = await Promise.all(
    manifest.layers.map(({ digest }) => run("tar", ["--list", "--verbose", "--gzip", "--file", blob(digest)])),
  );
  return lists.flatMap(({ stdout }) => stdout.trim().split("\n"));
}

beforeAll(async () => {
  if (noBuild !== undefined) return;
  folder = stack.use(await temporaryFolder("waybill-images-")).path;
  layout = join(folder, "layout");
  const address = ["--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
  registry = stack.adopt(
    await startWaybill(["store", "serve", "--root", join(folder, "store"), ...address]),
    (running) => running.close(),
  );
  images = await build(layout, "--push", registry.url);
});
afterAll(() => stack.disposeAsync());

describe.skipIf(noBuild !== undefined)("the container images", () => {
  it("are the same, bit for bit, when they are built again", async () => {
    expect(await build(join(folder, "again"))).toEqual(images);
  });

  it("are small, and share all but the program", async () => {
    for (const { name, bytes } of images) {
      console.log(`${name}: ${(bytes / 1e6).toFixed(1)} MB compressed`);
      expect(bytes).toBeLessThan(60e6);
    }
    const [agent, server] = [await inside("pulltrace-agent"), await inside("pulltrace-server")];
    expect(agent.manifest.layers.slice(0, 2)).toEqual(server.manifest.layers.slice(0, 2));
  });

  it("say their platform, what they are and how they start, as a user without rights", async () => {
    for (const name of ["pulltrace-agent", "pulltrace-server"]) {
      const { index, configuration } = await inside(name);
      expect(index.manifests).toHaveLength(1);
      expect(index.manifests[0]?.platform).toMatchObject({ os: "linux" });
      expect(configuration.config.User).toBe("65532:65532");
      expect(configuration.config.Labels).toMatchObject({
        "org.opencontainers.image.title": name,
        "org.opencontainers.image.version": named(name).tag,
        "org.opencontainers.image.licenses": "Apache-2.0",
      });
    }
    const { configuration } = await inside("pulltrace-agent");
    expect(configuration.config.Entrypoint).toContain("--max-old-space-size=24");
    expect(Object.keys((await inside("pulltrace-server")).configuration.config.ExposedPorts ?? {})).toEqual([
      "8080/tcp",
      "8081/tcp",
      "9090/tcp",
    ]);
  });

  it("hold no shell, no package manager, nothing with another user's rights, and one program", async () => {
    for (const name of ["pulltrace-agent", "pulltrace-server"]) {
      const lines = await files(name);
      const paths = lines.map((line) => line.split(/\s+/)[5] ?? "");
      expect(
        paths.filter((path) => /(?:^|\/)(?:sh|bash|dash|busybox|apt|apt-get|dpkg|npm|npx|corepack)$/.test(path)),
      ).toEqual([]);
      expect(lines.filter((line) => /^-..[sS]|^-.{5}[sS]/.test(line))).toEqual([]);
      expect(lines.filter((line) => /^[-d].{7}w/.test(line)).map((line) => line.split(/\s+/)[5])).toEqual([
        "tmp/",
        "var/tmp/",
      ]);
      const threads = name === "pulltrace-server" ? ["report.worker.cjs"] : [];
      expect(paths.filter((path) => /\.[cm]js$/.test(path) && path.includes("/program/"))).toEqual(
        ["main.cjs", ...threads].map((file) => `opt/waybill/program/${name}/${file}`),
      );
      expect(lines.filter((line) => /^-..x/.test(line)).map((line) => line.split(/\s+/)[5])).toEqual(
        expect.arrayContaining(["usr/local/bin/node"]),
      );
    }
  });

  it("list their Debian packages where scanners look for them", async () => {
    const paths = (await files("pulltrace-agent")).map((line) => line.split(/\s+/)[5] ?? "");
    for (const name of ["libc6", "libstdc++6", "libgcc-s1", "ca-certificates", "tzdata", "base-files", "netbase"]) {
      expect(paths).toContain(`var/lib/dpkg/status.d/${name}`);
    }
    const { manifest } = await inside("pulltrace-agent");
    const base = blob(manifest.layers[0]?.digest ?? "");
    const extract = async (path: string) =>
      (await run("tar", ["--extract", "--to-stdout", "--gzip", "--file", base, path])).stdout;
    expect(await extract("var/lib/dpkg/status.d/libc6")).toMatch(/^Package: libc6\n(?:.*\n)*Version: 2\.36/);
    expect((await extract("etc/ssl/certs/ca-certificates.crt")).match(/BEGIN CERTIFICATE/g)?.length).toBeGreaterThan(
      100,
    );
  });

  it("say in one sentence what is wrong with the command line", async () => {
    const wrong = run(process.execPath, [program, "--push", "registry"]);
    await expect(wrong).rejects.toMatchObject({ stderr: expect.stringContaining("http or https address") as string });
  });
});

describe.skipIf(noContainerd !== undefined)("the container images under a real containerd", () => {
  let containerd: RunningContainerd;

  const reference = (name: string): string => `${new URL(registry.url).host}/waybill/${name}:${named(name).tag}`;

  /** Runs the image's entrypoint as its user, on a read-only root file system. */
  async function start(
    name: string,
    id: string,
    environment: Readonly<Record<string, string>>,
    more: readonly string[] = [],
  ): Promise<AsyncDisposable & { readonly pid: number }> {
    const variables = Object.entries(environment).flatMap(([key, value]) => ["--env", `${key}=${value}`]);
    const pidFile = join(folder, `${id}.pid`);
    const where = ["--pid-file", pidFile, "--log-uri", `file://${folder}/${id}.log`];
    await containerd.ctr([
      "run",
      "--detach",
      "--read-only",
      "--net-host",
      ...where,
      ...variables,
      ...more,
      reference(name),
      id,
    ]);
    return {
      pid: Number(await readFile(pidFile, "utf8")),
      async [Symbol.asyncDispose]() {
        await containerd.ctr(["task", "kill", "--signal", "SIGTERM", id]).catch(() => undefined);
        await until(`${id} ends`, async () =>
          /STOPPED/.test(await containerd.ctr(["task", "list"])) ? true : undefined,
        ).catch(() => containerd.ctr(["task", "kill", "--signal", "SIGKILL", id]));
        await containerd.ctr(["task", "delete", id]);
        await containerd.ctr(["container", "delete", id]);
      },
    };
  }

  const answers = async (url: string, status = 200): Promise<true | undefined> => {
    try {
      return (await fetch(url)).status === status ? true : undefined;
    } catch {
      return undefined;
    }
  };

  beforeAll(async () => {
    containerd = stack.adopt(await startContainerd(), (running) => running.close());
    for (const { name } of images) {
      const pull = await containerd.pull(reference(name.replace("waybill/", ""))).finished;
      if (pull.code !== 0) throw new Error(pull.output);
    }
  });

  it.each(["pulltrace-agent", "pulltrace-server"])("%s says its version", async (name) => {
    const { configuration } = await inside(name);
    const words = [...configuration.config.Entrypoint, "--version"];
    const said = await containerd.ctr(["run", "--rm", "--read-only", reference(name), `version-${name}`, ...words]);
    expect(said.trim()).toBe(`${name} ${named(name).tag}`);
  });

  it("the server answers, serves its page, and is nobody", async () => {
    const [http, metrics, reports] = [await freePort(), await freePort(), await freePort()];
    await using server = await start("pulltrace-server", "server", {
      PULLTRACE_HTTP_ADDR: `127.0.0.1:${http}`,
      PULLTRACE_REPORT_ADDR: `127.0.0.1:${reports}`,
      PULLTRACE_METRICS_ADDR: `127.0.0.1:${metrics}`,
    });
    await until("the server is healthy", () => answers(`http://127.0.0.1:${http}/healthz`));
    expect(await (await fetch(`http://127.0.0.1:${http}/`)).text()).toContain("<title>");
    const report = { nodeName: "node-1", timestamp: new Date().toISOString(), pulls: [] };
    const told = await fetch(`http://127.0.0.1:${reports}/api/v1/report`, {
      method: "POST",
      body: JSON.stringify(report),
    });
    expect(told.status).toBe(200);
    expect(await (await fetch(`http://127.0.0.1:${http}/api/v1/nodes`)).text()).toContain('"node-1"');
    expect(await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()).toContain("pulltrace_pulls_active");
    const status = await readFile(`/proc/${server.pid}/status`, "utf8");
    expect(status).toMatch(/^Uid:\t65532\t65532\t65532\t65532$/m);
    expect(status).toMatch(/^Gid:\t65532\t65532\t65532\t65532$/m);
    expect(status).toMatch(/^CapEff:\t0+$/m);
  });

  it("the agent reads containerd as nobody when the socket's group is its own, and else it says what is wrong", async () => {
    const socketFolder = resolve(containerd.socket, "..");
    // As distributions have it: passable for everybody, the socket for root and its group.
    await chmod(socketFolder, 0o711);
    const port = await freePort();
    await using agent = await start(
      "pulltrace-agent",
      "agent",
      {
        PULLTRACE_NODE_NAME: "node-1",
        PULLTRACE_SERVER_URL: registry.url,
        PULLTRACE_METRICS_ADDR: `127.0.0.1:${port}`,
      },
      ["--mount", `type=bind,src=${socketFolder},dst=/run/containerd,options=rbind:ro`],
    );
    await until("the agent is there", () => answers(`http://127.0.0.1:${port}/healthz`));
    const troubles = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).text();
    expect(await readFile(`/proc/${agent.pid}/status`, "utf8")).toMatch(/^Uid:\t65532\t/m);
    await until("containerd refuses it", async () =>
      /^containerd: .*(?:EACCES|permission)/im.test(await troubles()) ? true : undefined,
    );
    await chown(containerd.socket, 0, 65_532);
    await until("containerd answers it", async () => (/^containerd: /m.test(await troubles()) ? undefined : true));
    expect(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).toMatch(
      /^pulltrace_agent_looks_total [1-9]/m,
    );
  });
});
