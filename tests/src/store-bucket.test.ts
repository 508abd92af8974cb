import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { busyGateway, cephBucket, lacksCeph } from "@waybill/artifact-store/testing";
import { temporaryFolder } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { runWaybill, startWaybill, type CommandResult } from "./harness/waybill.ts";

type Ceph = Awaited<ReturnType<typeof cephBucket>>;

function keysOf(ceph: Ceph): Record<string, string> {
  return { AWS_ACCESS_KEY_ID: ceph.accessKeyId, AWS_SECRET_ACCESS_KEY: ceph.secretAccessKey };
}

const atAnyPort = ["--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];

/** Commands over one store folder, with one work folder and the keys of a bucket. */
async function bench(ceph: Ceph) {
  const folder = await temporaryFolder("waybill-bucket-commands-");
  const root = join(folder.path, "store");
  const environment = { ...keysOf(ceph), HOME: folder.path, XDG_STATE_HOME: join(folder.path, "state") };
  const run = (...words: string[]): Promise<CommandResult> =>
    runWaybill(["store", ...words], environment, { cwd: folder.path });
  const good = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(...words);
    if (code !== 0) throw new Error(`waybill store ${words.join(" ")} ended with ${code}:\n${stderr}`);
    return stdout;
  };
  const end = () => folder[Symbol.asyncDispose]();
  return { folder: folder.path, root, environment, run, good, [Symbol.asyncDispose]: end };
}

describe.skipIf(lacksCeph())("commands on a store in a bucket", () => {
  it("waybill store migrate moves a store to a bucket and back: progress, JSON, exit codes, and nothing changes for readers", async () => {
    const ceph = await cephBucket();
    await using at = await bench(ceph);
    const [file, s3] = [`file://${at.root}`, ceph.url()];
    const bytes = randomBytes(9 * 1024 * 1024);
    await writeFile(join(at.folder, "large.bin"), bytes);
    await writeFile(join(at.folder, "small.txt"), "small\n");
    await at.good("put", "large.bin", "acme/files:large", "--root", at.root, "--quiet");
    await at.good("put", "small.txt", "acme/files:small", "--root", at.root, "--quiet");

    const there = await at.run("migrate", "--root", at.root, "--from", file, "--to", s3);
    expect(there).toMatchObject({ code: 0 });
    expect(there.stdout).toMatch(/^\d+ blobs copied \(9\.\d MiB\), 0 were there, 0 uploads taken over\n/);
    expect(there.stdout).toContain(`start the server with --blobs '${s3}' from now on`);
    expect(there.stderr).toContain("migrate");
    // The old place is refused from now on, by every command.
    const old = await at.run("get", "acme/files:small", "-o", "old", "--root", at.root);
    expect(old.code).toBe(1);
    expect(old.stderr).toContain("were moved to");
    await at.good("get", "acme/files:large", "-o", "from-s3", "--root", at.root, "--blobs", s3, "--quiet");
    expect((await readFile(join(at.folder, "from-s3/large.bin"))).equals(bytes)).toBe(true);

    const again = JSON.parse(
      await at.good("migrate", "--root", at.root, "--from", file, "--to", s3, "--json"),
    ) as object;
    expect(again).toEqual({ copied: 0, bytesCopied: 0, present: 0, uploads: 0, damaged: [] });
    const back = await at.run("migrate", "--root", at.root, "--from", s3, "--to", file, "--json", "--quiet");
    expect(back).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(back.stdout)).toMatchObject({ copied: 0, uploads: 0, damaged: [] });
    await at.good("get", "acme/files:small", "-o", "back", "--root", at.root, "--quiet");
    expect(await readFile(join(at.folder, "back/small.txt"), "utf8")).toBe("small\n");

    const wrong = await at.run("migrate", "--root", at.root, "--from", file, "--to", "s3://UPPER/x");
    expect(wrong.code).not.toBe(0);
    const none = await at.run("migrate", "--root", join(at.folder, "none"), "--from", file, "--to", s3);
    expect([none.code, none.stderr.includes("there is no store in")]).toEqual([1, true]);
  });

  it("waybill doctor says whether the bucket of --blobs can be used, and what to do when not", async () => {
    const ceph = await cephBucket();
    await using at = await bench(ceph);
    const examine = async (blobs: string, environment: Record<string, string>) => {
      const words = ["doctor", "--json", "--data", join(at.folder, "data"), ...atAnyPort, "--blobs", blobs];
      const { code, stdout } = await runWaybill(words, environment);
      const { findings } = JSON.parse(stdout) as { findings: { name: string; status: string }[] };
      return { code, finding: findings.find(({ name }) => name === "blobs") };
    };
    expect(await examine(ceph.url(), at.environment)).toMatchObject({
      code: 0,
      finding: { status: "ok", detail: expect.stringMatching(/a small write takes \d+ ms$/) as string },
    });
    expect(await examine(ceph.url(), { ...at.environment, AWS_SECRET_ACCESS_KEY: "wrong" })).toMatchObject({
      code: 1,
      finding: { status: "failed", advice: expect.stringContaining("AWS_ACCESS_KEY_ID") as string },
    });
    const elsewhere = ceph.url().replace(ceph.bucket, "no-such-bucket");
    expect(await examine(elsewhere, at.environment)).toMatchObject({
      finding: { status: "failed", detail: expect.stringContaining("there is no bucket no-such-bucket") as string },
    });
    expect(await examine("s3://bucket/x?endpoint=http://127.0.0.1:9", at.environment)).toMatchObject({
      finding: { status: "failed", detail: expect.stringContaining("does not answer") as string },
    });
    expect(await examine(`file://${at.folder}`, at.environment)).toMatchObject({ finding: { name: "blobs" } });
    // Nothing is left behind: a store that is made there finds the place empty.
    await writeFile(join(at.folder, "small.txt"), "small\n");
    await at.good("put", "small.txt", "acme/first:v1", "--root", at.root, "--blobs", ceph.url(), "--quiet");
  });

  it("the metrics count requests to S3 by operation and outcome, and what fails for now says when to come again", async () => {
    const ceph = await cephBucket();
    const busy = await busyGateway(ceph.endpoint, 1_000_000);
    await using at = await bench(ceph);
    const serve = [
      "store",
      "serve",
      "--root",
      at.root,
      "--blobs",
      ceph.url("store", busy.url),
      "--blob-cache",
      "1MiB",
      ...atAnyPort,
    ];
    const server = await startWaybill(serve, at.environment);
    await using _ended = { [Symbol.asyncDispose]: () => server.close() };
    await writeFile(join(at.folder, "small.txt"), "small\n");
    await at.good("put", "small.txt", "acme/app:v1", "--server", server.url, "--quiet");
    const count = async (line: string): Promise<number> => {
      const text = await (await fetch(server.metricsUrl)).text();
      const found = text.split("\n").find((one) => one.startsWith(line));
      return Number(found?.split(" ").at(-1) ?? 0);
    };
    const puts = 'artifact_store_s3_requests_total{operation="PutObject",outcome="ok"}';
    const gets = 'artifact_store_s3_requests_total{operation="GetObject",outcome="ok"}';
    expect(await count(puts)).toBeGreaterThanOrEqual(3);
    // The second probe of the start is meant to fail: it asks whether conditions are honoured.
    const conflicts = 'artifact_store_s3_requests_total{operation="PutObject",outcome="conflict"}';
    expect(await count(conflicts)).toBe(1);
    const timed = await count('artifact_store_s3_request_duration_seconds_count{operation="PutObject"}');
    expect(timed).toBe((await count(puts)) + 1);
    // Small and hot: asked for once.
    const before = await count(gets);
    for (const name of ["one", "two", "three"]) {
      await at.good("get", "acme/app:v1", "-o", name, "--server", server.url, "--quiet");
    }
    expect(await count(gets)).toBeLessThanOrEqual(before + 2);

    const created = await fetch(`${server.url}/api/v1/packages`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ repository: "acme/packages", producer: "test", kind: "test" }),
    });
    expect(created.status).toBe(201);
    const { id } = (await created.json()) as { id: string };
    // Nobody listens there from now on.
    await busy[Symbol.asyncDispose]();
    const refused = await fetch(`${server.url}/api/v1/packages/${id}/files?path=other.txt`, {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: "other",
    });
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
    expect(await refused.json()).toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(
      await count('artifact_store_s3_requests_total{operation="PutObject",outcome="unreachable"}'),
    ).toBeGreaterThan(1);
  });

  it("the commands of docs/s3.md run as they are written, but for addresses, folders and keys", async () => {
    const ceph = await cephBucket();
    await using at = await bench(ceph);
    const page = await readFile(resolve(import.meta.dirname, "../../docs/s3.md"), "utf8");
    const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, commands]) => commands ?? "");
    const written = (text: string): string =>
      text
        .replaceAll(/s3:\/\/blobs\/prod\?endpoint=(?:https:\/\/s3\.example\.com|…)/g, ceph.url())
        .replaceAll("/var/lib/registry", at.root);
    const commands = blocks
      .flatMap((block) => written(block).split("\n"))
      .filter((line) => line.startsWith("waybill "))
      .map((line) => [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? "").slice(1));
    expect(commands.map((words) => words.slice(0, 2).join(" "))).toEqual([
      "doctor --blobs",
      "store serve",
      "store serve",
      "store migrate",
    ]);
    const [doctor = [], inBucket = [], moving = [], migrate = []] = commands;
    const examined = await runWaybill([...doctor, "--data", at.root, ...atAnyPort], at.environment);
    expect(examined).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok +blobs/m) as string });
    await writeFile(join(at.folder, "note.txt"), "kept\n");
    // A store in a folder first; the page's last two ways lead it to the bucket and, once more, from another folder.
    await at.good("put", "note.txt", "acme/notes:v1", "--root", at.root, "--quiet");
    const server = await startWaybill([...moving, ...atAnyPort], at.environment);
    await server.waitForLine("all blobs are moved");
    await server.close();
    const after = await startWaybill([...inBucket, ...atAnyPort], at.environment);
    await at.good("get", "acme/notes:v1", "-o", "notes", "--server", after.url, "--quiet");
    await after.close();
    expect(await readFile(join(at.folder, "notes/note.txt"), "utf8")).toBe("kept\n");
    const moved = await runWaybill(migrate, at.environment);
    expect(moved).toMatchObject({ code: 0, stdout: "nothing to move: the blobs are there already\n" });
  });
});
