import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { createTokenAuthority } from "@waybill/foundation/auth";
import { goProgram, goTool, temporaryFolder } from "@waybill/foundation/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWaybill, type RunningWaybill } from "./harness/waybill.ts";

/** Packages of the ingestion API and what other OCI clients make of them, and the other way round. */

const run = promisify(execFile);
const signingKey = "a key for tests, longer than thirty-two bytes";
const stack = new AsyncDisposableStack();
const crane = await goTool("github.com/google/go-containerregistry/cmd/crane", "v0.20.6");
// From a go.mod of its own: `go install` of the module asks the proxy for a list of versions that it does not have.
const oras = await goProgram(join(import.meta.dirname, "../oras"));
const why = (reason: string | undefined): string => (reason === undefined ? "" : ` (left out: ${reason})`);

let waybill: RunningWaybill;
let folder: string;
let host: string;
let token: string;
let package_: { readonly id: string; readonly digest: string };
const files = { "reports/junit.xml": "<testsuites/>", "evidence/empty.log": "", "notes ü.txt": "notes\n" };

async function api(method: string, path: string, body?: string): Promise<Response> {
  return await fetch(`${waybill.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body?.startsWith("{") ? { "content-type": "application/json" } : {}),
    },
    ...(body === undefined ? {} : { body }),
  });
}

beforeAll(async () => {
  folder = stack.use(await temporaryFolder("waybill-packages-")).path;
  const address = ["--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
  waybill = stack.adopt(
    await startWaybill(["store", "serve", "--root", join(folder, "store"), ...address], {
      JWT_SIGNING_KEY: signingKey,
    }),
    (running) => running.close(),
  );
  host = new URL(waybill.url).host;
  const authority = createTokenAuthority({ key: Buffer.from(signingKey) });
  token = (await authority.issue({ subject: "ann", tenant: "acme", roles: ["projectDev"], ttlSeconds: 3600 })).token;
  const asked = { repository: "acme/runs", producer: "tests", kind: "example", labels: { outcome: "passed" } };
  const { id } = (await (await api("POST", "/packages", JSON.stringify(asked))).json()) as { id: string };
  for (const [path, content] of Object.entries(files)) {
    const added = await api("POST", `/packages/${id}/files?path=${encodeURIComponent(path)}`, content);
    if (added.status !== 201) throw new Error(await added.text());
  }
  package_ = (await (await api("PUT", `/packages/${id}/seal`)).json()) as typeof package_;
  // For clients that want a tag.
  const manifest = await fetch(`${waybill.url}/v2/acme/runs/manifests/${package_.digest}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const tagged = await fetch(`${waybill.url}/v2/acme/runs/manifests/v1`, {
    method: "PUT",
    headers: { authorization: `Bearer ${token}`, "content-type": manifest.headers.get("content-type") ?? "" },
    body: await manifest.text(),
  });
  if (tagged.status !== 201) throw new Error(await tagged.text());
});
afterAll(() => stack.disposeAsync());

async function listed(repository: string): Promise<{ kind: string; fileCount: number; labels: object; id: string }[]> {
  const answer = await api("GET", `/packages?repository=${encodeURIComponent(repository)}`);
  return ((await answer.json()) as { items: { kind: string; fileCount: number; labels: object; id: string }[] }).items;
}

describe("skopeo", () => {
  it("inspects and copies a package, and the copy is listed", async () => {
    const { stdout } = await run("skopeo", [
      "inspect",
      "--raw",
      "--tls-verify=false",
      "--creds",
      `ann:${token}`,
      `docker://${host}/acme/runs:v1`,
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ artifactType: "application/vnd.waybill.package.v1+json" });
    await run("skopeo", [
      "copy",
      "--src-tls-verify=false",
      "--dest-tls-verify=false",
      "--src-creds",
      `ann:${token}`,
      "--dest-creds",
      `ann:${token}`,
      "--preserve-digests",
      `docker://${host}/acme/runs:v1`,
      `docker://${host}/acme/by-skopeo:v1`,
    ]);
    expect(await listed("acme/by-skopeo")).toMatchObject([
      { kind: "example", fileCount: 3, labels: { outcome: "passed" } },
    ]);
  });
});

describe.skipIf(crane.missing !== undefined)(`crane${why(crane.missing)}`, () => {
  it("reads a package, and what it copies or appends is listed", async () => {
    const configuration = join(folder, "crane");
    await mkdir(configuration);
    const call = async (...parameters: readonly string[]): Promise<string> => {
      const env = { ...process.env, DOCKER_CONFIG: configuration };
      return (await run(crane.program ?? "", ["--insecure", ...parameters], { env })).stdout.trim();
    };
    await call("auth", "login", host, "--username", "ann", "--password", token);
    expect(await call("digest", `${host}/acme/runs:v1`)).toBe(package_.digest);
    const manifest = JSON.parse(await call("manifest", `${host}/acme/runs:v1`)) as { layers: { digest: string }[] };
    expect(manifest.layers).toHaveLength(3);
    expect(await call("blob", `${host}/acme/runs@${manifest.layers[1]?.digest ?? ""}`)).toBe(
      files["notes ü.txt"].trim(),
    );
    await call("copy", `${host}/acme/runs:v1`, `${host}/acme/by-crane:v1`);
    expect(await listed("acme/by-crane")).toMatchObject([{ kind: "example", fileCount: 3 }]);
  });
});

describe.skipIf(oras.missing !== undefined)(`oras${why(oras.missing)}`, () => {
  const call = async (parameters: readonly string[], cwd: string): Promise<string> => {
    const words = parameters[0] === "manifest" ? 2 : 1;
    const as = ["--plain-http", "--username", "ann", "--password", token];
    // No log-in of whoever runs the test.
    const env = { ...process.env, DOCKER_CONFIG: folder };
    return (
      await run(oras.program ?? "", [...parameters.slice(0, words), ...as, ...parameters.slice(words)], { cwd, env })
    ).stdout.trim();
  };

  it("pulls a package as the files that went in", async () => {
    const pulled = join(folder, "oras-pulled");
    await mkdir(pulled);
    expect(await call(["pull", `${host}/acme/runs:v1`], pulled)).toContain(`Digest: ${package_.digest}`);
    for (const [path, content] of Object.entries(files))
      expect(await readFile(join(pulled, path), "utf8")).toBe(content);
    expect((await readdir(pulled, { recursive: true })).length).toBe(5);
    const manifest = JSON.parse(await call(["manifest", "fetch", `${host}/acme/runs:v1`], folder)) as {
      layers: object[];
    };
    expect(manifest.layers).toHaveLength(3);
  });

  it("pushes what is listed and read as a package, and pulls it again", async () => {
    const made = join(folder, "oras-made");
    await mkdir(made);
    await writeFile(join(made, "report.json"), '{"ok":true}');
    const about = ["--artifact-type", "application/vnd.acme.report", "--annotation", "outcome=failed"];
    await call(["push", ...about, `${host}/acme/by-oras:v1`, "report.json:application/json"], made);
    const [found] = await listed("acme/by-oras");
    expect(found).toMatchObject({ kind: "application/vnd.acme.report", labels: { outcome: "failed" }, fileCount: 1 });
    const file = await api("GET", `/packages/${found?.id ?? ""}/files/report.json`);
    expect([await file.text(), file.headers.get("content-type")]).toEqual(['{"ok":true}', "application/json"]);
    const again = join(folder, "oras-again");
    await mkdir(again);
    await call(["pull", `${host}/acme/by-oras:v1`], again);
    expect(await readFile(join(again, "report.json"), "utf8")).toBe('{"ok":true}');
  });

  it("attaches to a package, and finds what is attached", async () => {
    const made = join(folder, "oras-attached");
    await mkdir(made);
    await writeFile(join(made, "sbom.json"), "{}");
    const kind = "application/vnd.acme.sbom";
    await call(["attach", "--artifact-type", kind, `${host}/acme/runs:v1`, "sbom.json"], made);
    const found = JSON.parse(await call(["discover", "--output", "json", `${host}/acme/runs:v1`], made)) as {
      manifests: { artifactType: string }[];
    };
    expect(found.manifests).toMatchObject([{ artifactType: kind }]);
  });

  it("is refused without the right token, and by another tenant's repository", async () => {
    const refused = call(["pull", `${host}/globex/runs:v1`], folder);
    await expect(refused).rejects.toThrow(/401|403|404|denied|not found/iu);
  });
});
