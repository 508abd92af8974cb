import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { createTokenAuthority } from "@waybill/foundation/auth";
import { goTool, temporaryFolder } from "@waybill/foundation/testing";
import { buildSampleImage, writeOciLayout, type SampleImage } from "@waybill/waybill/sample";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containerdMissing, startContainerd } from "./harness/containerd.ts";
import { startWaybill, type RunningWaybill } from "./harness/waybill.ts";

/** The clients that people use, each with a log-in, against a registry with authentication. */

const run = promisify(execFile);
const signingKey = "a key for tests, longer than thirty-two bytes";
const stack = new AsyncDisposableStack();
const crane = await goTool("github.com/google/go-containerregistry/cmd/crane", "v0.20.6");
const helm = await goTool("helm.sh/helm/v3/cmd/helm", "v3.17.3");
const noContainerd = containerdMissing();

/** A reason to leave tests out, for their title; none is left out in silence. */
const why = (reason: string | undefined): string => (reason === undefined ? "" : ` (left out: ${reason})`);

let waybill: RunningWaybill;
let folder: string;
let host: string;
let layout: string;
let image: SampleImage;
let writer: string;
let reader: string;

beforeAll(async () => {
  folder = stack.use(await temporaryFolder("waybill-clients-")).path;
  const address = ["--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--anonymous-pull", "acme/open/*"];
  waybill = stack.adopt(
    await startWaybill(["store", "serve", "--root", join(folder, "store"), ...address], {
      JWT_SIGNING_KEY: signingKey,
    }),
    (running) => running.close(),
  );
  host = new URL(waybill.url).host;
  const authority = createTokenAuthority({ key: Buffer.from(signingKey) });
  const claims = { subject: "ann", tenant: "acme", ttlSeconds: 3600 };
  writer = (await authority.issue({ ...claims, roles: ["projectDev"] })).token;
  reader = (await authority.issue({ ...claims, roles: ["readOnly"] })).token;
  const layers = ["base", "program", "configuration"].map((seed) => ({ seed, sizeBytes: 300_000 }));
  image = await buildSampleImage({ name: "acme/app", layers });
  layout = join(folder, "layout");
  await writeOciLayout(layout, image);
  await skopeo("copy", `oci:${layout}:${named()}`, `docker://${host}/acme/app:v1`, "--dest-creds", `ann:${writer}`);
  await skopeo(
    "copy",
    `oci:${layout}:${named()}`,
    `docker://${host}/acme/open/app:v1`,
    "--dest-creds",
    `ann:${writer}`,
  );
});

afterAll(() => stack.disposeAsync());

const named = (): string => `${image.name}:${image.tag}`;

async function skopeo(command: string, ...rest: readonly string[]): Promise<string> {
  const plain = command === "copy" ? ["--src-tls-verify=false", "--dest-tls-verify=false"] : ["--tls-verify=false"];
  return (await run("skopeo", [command, ...plain, ...rest])).stdout;
}

describe("skopeo", () => {
  const remote = (name: string): string => `docker://${host}/${name}`;

  it("logs in once, and then lists, copies within the registry, and deletes", async () => {
    const auth = ["--authfile", join(folder, "skopeo.json")];
    await skopeo("login", ...auth, "--username", "ann", "--password", writer, host);
    expect(JSON.parse(await skopeo("list-tags", ...auth, remote("acme/app")))).toMatchObject({ Tags: ["v1"] });
    await skopeo("copy", ...auth, remote("acme/app:v1"), remote("acme/by-skopeo:v2"));
    const inspected = JSON.parse(await skopeo("inspect", ...auth, remote("acme/by-skopeo:v2"))) as { Digest: string };
    expect(inspected.Digest).toBe(image.manifest.digest);
    await skopeo("delete", ...auth, remote("acme/by-skopeo:v2"));
    await expect(skopeo("inspect", ...auth, remote("acme/by-skopeo:v2"))).rejects.toThrow("manifest unknown");
  });

  it("is not let in with a wrong password", async () => {
    const auth = ["--authfile", join(folder, "wrong.json"), "--username", "ann", "--password", "wrong"];
    await expect(skopeo("login", ...auth, host)).rejects.toThrow(/invalid username\/password|unauthorized/);
  });

  it("pulls what is public without a log-in, and nothing else", async () => {
    const raw = await skopeo("inspect", "--no-creds", "--raw", remote("acme/open/app:v1"));
    expect(raw).toBe(image.manifest.bytes.toString());
    await expect(skopeo("inspect", "--no-creds", remote("acme/app:v1"))).rejects.toThrow(/unauthorized|authentication/);
  });

  it("hears why a reader cannot push, and that another tenant's repository is not there", async () => {
    const source = `oci:${layout}:${named()}`;
    await expect(skopeo("copy", "--dest-creds", `ann:${reader}`, source, remote("acme/new:v1"))).rejects.toThrow(
      /denied|may read/,
    );
    await expect(skopeo("copy", "--dest-creds", `ann:${writer}`, source, remote("globex/new:v1"))).rejects.toThrow(
      /name unknown|there is no repository/,
    );
  });
});

describe("podman", () => {
  it("logs in, pulls, and pushes again in Docker's format", async () => {
    const storage = [
      "--root",
      join(folder, "podman"),
      "--runroot",
      join(folder, "podman-run"),
      "--storage-driver",
      "vfs",
    ];
    const auth = ["--tls-verify=false", "--authfile", join(folder, "podman.json")];
    const podman = async (...args: readonly string[]): Promise<string> =>
      (await run("podman", [...storage, ...args])).stdout.trim();
    expect(await podman("login", ...auth, "--username", "ann", "--password", writer, host)).toContain("Succeeded");
    const id = await podman("pull", "--quiet", ...auth, `${host}/acme/app:v1`);
    await podman("push", "--quiet", ...auth, "--format", "v2s2", id, `${host}/acme/by-podman:docker`);
    const pushed = await skopeo(
      "inspect",
      "--raw",
      "--creds",
      `ann:${reader}`,
      `docker://${host}/acme/by-podman:docker`,
    );
    expect(JSON.parse(pushed)).toMatchObject({ mediaType: "application/vnd.docker.distribution.manifest.v2+json" });
    await podman("logout", "--authfile", join(folder, "podman.json"), host);
    await expect(podman("pull", "--quiet", ...auth, `${host}/acme/by-podman:docker`)).rejects.toThrow(/unauthorized/);
  });
});

describe.skipIf(noContainerd !== undefined)(`containerd${why(noContainerd)}`, () => {
  it("pulls with credentials, and pushes; without them only what is public", async () => {
    const containerd = await startContainerd();
    try {
      const credentials = ["--plain-http", "--user", `ann:${writer}`];
      await containerd.ctr(["images", "pull", ...credentials, `${host}/acme/app:v1`]);
      expect(await containerd.ctr(["images", "list"])).toContain(image.manifest.digest);
      await containerd.ctr(["images", "push", ...credentials, `${host}/acme/by-containerd:v1`, `${host}/acme/app:v1`]);
      const raw = await skopeo(
        "inspect",
        "--raw",
        "--creds",
        `ann:${reader}`,
        `docker://${host}/acme/by-containerd:v1`,
      );
      expect(raw).toBe(image.manifest.bytes.toString());
      await containerd.ctr(["images", "pull", "--plain-http", `${host}/acme/open/app:v1`]);
      await expect(containerd.ctr(["images", "pull", "--plain-http", `${host}/acme/by-containerd:v1`])).rejects.toThrow(
        /insufficient_scope|authorization|401/,
      );
    } finally {
      await containerd.close();
    }
  });
});

describe.skipIf(crane.missing !== undefined)(`crane${why(crane.missing)}`, () => {
  it("logs in, pushes a layout, copies, lists, validates, pulls and deletes", async () => {
    const configuration = join(folder, "crane");
    const call = async (...args: readonly string[]): Promise<string> => {
      const env = { ...process.env, DOCKER_CONFIG: configuration };
      return (await run(crane.program ?? "", ["--insecure", ...args], { env })).stdout.trim();
    };
    await mkdir(configuration);
    await call("auth", "login", host, "--username", "ann", "--password", writer);
    await call("push", layout, `${host}/acme/by-crane:v1`);
    expect(await call("digest", `${host}/acme/by-crane:v1`)).toBe(image.manifest.digest);
    await call("copy", `${host}/acme/by-crane:v1`, `${host}/acme/copied-by-crane:v2`);
    await call("tag", `${host}/acme/copied-by-crane:v2`, "v3");
    expect((await call("ls", `${host}/acme/copied-by-crane`)).split("\n")).toEqual(["v2", "v3"]);
    expect((await call("catalog", host)).split("\n")).toEqual(
      expect.arrayContaining(["acme/by-crane", "acme/copied-by-crane"]),
    );
    await call("validate", "--remote", `${host}/acme/copied-by-crane:v3`);
    await call("pull", "--format", "oci", `${host}/acme/copied-by-crane:v3`, join(folder, "crane-pulled"));
    await call("delete", `${host}/acme/copied-by-crane@${image.manifest.digest}`);
    await expect(call("digest", `${host}/acme/copied-by-crane:v3`)).rejects.toThrow(/MANIFEST_UNKNOWN|404/);
  });
});

describe.skipIf(helm.missing !== undefined)(`helm${why(helm.missing)}`, () => {
  it("pushes a chart and pulls it back byte for byte", async () => {
    const chart = join(folder, "chart");
    await mkdir(join(chart, "templates"), { recursive: true });
    await writeFile(join(chart, "Chart.yaml"), "apiVersion: v2\nname: demo\nversion: 1.2.3\n");
    await writeFile(join(chart, "templates", "map.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: demo\n");
    const configuration = join(folder, "helm.json");
    await writeFile(configuration, JSON.stringify({ auths: { [host]: { auth: btoa(`ann:${writer}`) } } }));
    const env = {
      ...process.env,
      HELM_REGISTRY_CONFIG: configuration,
      HELM_CACHE_HOME: join(folder, "helm-cache"),
      HELM_CONFIG_HOME: join(folder, "helm-config"),
      HELM_DATA_HOME: join(folder, "helm-data"),
    };
    const call = (...args: readonly string[]): Promise<unknown> => run(helm.program ?? "", args, { env, cwd: folder });
    await call("package", chart);
    await call("push", "demo-1.2.3.tgz", `oci://${host}/acme/charts`, "--plain-http");
    const pulled = join(folder, "pulled-chart");
    await mkdir(pulled);
    const from = `oci://${host}/acme/charts/demo`;
    await call("pull", from, "--version", "1.2.3", "--plain-http", "--destination", pulled);
    const both = [join(folder, "demo-1.2.3.tgz"), join(pulled, "demo-1.2.3.tgz")];
    const [pushed, back] = await Promise.all(both.map((path) => readFile(path)));
    expect(back?.equals(pushed ?? Buffer.alloc(0))).toBe(true);
  });
});
