/**
 * Puts the results of a test run into a store, as a package that can be found and kept like any other:
 * `node scripts/ingest-test-results.ts [--results FOLDER] [--root FOLDER | --server URL] [--repository NAME]`.
 * Every file under the results folder (JUnit, JSON, logs) becomes a file of the package; outcome, counts and commit become
 * labels. The default store is a folder beside the results. With a server, a token is read from WAYBILL_TOKEN. Prints id
 * and digest; nothing to ingest is an error.
 */
import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import { Readable } from "node:stream";
import { parseArgs, promisify } from "node:util";
import { openStore, parseRepositoryName } from "@waybill/artifact-store";

const root = resolve(import.meta.dirname, "..");
const { values } = parseArgs({
  options: {
    results: { type: "string", default: join(root, "test-results") },
    root: { type: "string" },
    server: { type: "string" },
    repository: { type: "string", default: "waybill/ci" },
  },
});

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return paths.map((path) => relative(folder, path).split(sep).join("/")).toSorted();
}

/** What the run's last line says: `12 passed, 0 failed, 1 skipped`. */
async function countsOf(folder: string): Promise<Record<string, string>> {
  const line = await readFile(join(folder, "closing-line"), "utf8").catch(() => "");
  const [, passed, failed, skipped] = /(\d+) passed, (\d+) failed, (\d+) skipped/.exec(line) ?? [];
  if (passed === undefined || failed === undefined || skipped === undefined) return { outcome: "unknown" };
  return { outcome: failed === "0" ? "passed" : "failed", passed, failed, skipped };
}

async function commitOf(): Promise<string | undefined> {
  const run = promisify(execFile)("git", ["rev-parse", "HEAD"], { cwd: root });
  return await run.then(
    ({ stdout }) => stdout.trim(),
    () => undefined, // an unpacked release
  );
}

const folder = resolve(values.results);
const store = resolve(values.root ?? join(folder, "..", ".test-results-store"));
const paths = await filesOf(folder);
if (paths.length === 0) throw new Error(`there is nothing to ingest in ${folder}: run the tests first`);
const commit = await commitOf();
const described = {
  producer: "waybill-ci",
  kind: "test-run",
  runId: process.env["CI_RUN_ID"] ?? new Date().toISOString(),
  labels: {
    subject: "waybill",
    ...(await countsOf(folder)),
    ...(commit === undefined ? {} : { commit }),
  },
};
const bytesOf = (path: string): Readable => createReadStream(join(folder, path));

async function intoFolder(): Promise<string> {
  const opened = await openStore({ root: store });
  try {
    const { id } = await opened.packages.open({ repository: parseRepositoryName(values.repository), ...described });
    for (const path of paths) await opened.packages.addFile(id, path, { chunks: bytesOf(path) });
    const { digest } = await opened.packages.seal(id);
    return `${id} ${digest ?? ""}`;
  } finally {
    await opened.close();
  }
}

async function overHttp(server: string): Promise<string> {
  const token = process.env["WAYBILL_TOKEN"];
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  async function call(method: string, path: string, body?: string | Readable): Promise<{ id: string; digest: string }> {
    const response = await fetch(new URL(`/api/v1/packages${path}`, server), {
      method,
      headers: { ...authorization, ...(typeof body === "string" ? { "content-type": "application/json" } : {}) },
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? body : (Readable.toWeb(body) as ReadableStream) }),
      ...(body instanceof Readable ? { duplex: "half" } : {}),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as { id: string; digest: string };
  }
  const { id } = await call("POST", "", JSON.stringify({ repository: values.repository, ...described }));
  for (const path of paths) await call("POST", `/${id}/files?path=${encodeURIComponent(path)}`, bytesOf(path));
  const { digest } = await call("PUT", `/${id}/seal`);
  return `${id} ${digest}`;
}

process.stdout.write(`${await (values.server === undefined ? intoFolder() : overHttp(values.server))}\n`);
