/**
 * Brings a run folder of guide-board into the store over its API:
 * `node ingest-run.ts FOLDER SERVER REPOSITORY [STATEHUB]`, with a token in WAYBILL_TOKEN. Prints id and digest. Run again
 * after it broke off, it goes on where it was: the key opens the same package, files that are there change nothing.
 */
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { Readable } from "node:stream";
import { describeRunFolder } from "@waybill/artifact-store";

const [folder = "", server = "", repository = "", statehub] = process.argv.slice(2);
const token = process.env["WAYBILL_TOKEN"];

async function call(
  method: string,
  path: string,
  body?: string | ReadableStream,
  headers: Record<string, string> = {},
) {
  const response = await fetch(new URL(`/api/v1/packages${path}`, server), {
    method,
    headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers },
    ...(body === undefined ? {} : { body, duplex: "half" as const }),
  });
  const answer = (await response.json()) as { id: string; state: string; digest: string; detail: string };
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer.detail}`);
  return answer;
}

const run = await describeRunFolder(folder, statehub);
if (run === undefined) throw new Error(`${folder} has no run.json`);
const { id, state } = await call("POST", "", JSON.stringify({ repository, ...run }), {
  "content-type": "application/json",
  "idempotency-key": encodeURIComponent(`${run.producer}/${run.runId}`),
});
const entries = state === "open" ? await readdir(folder, { recursive: true, withFileTypes: true }) : [];
for (const entry of entries) {
  if (!entry.isFile()) continue;
  const file = join(entry.parentPath, entry.name);
  const path = relative(folder, file).split(sep).join("/");
  const bytes = Readable.toWeb(createReadStream(file)) as ReadableStream;
  await call("POST", `/${id}/files?path=${encodeURIComponent(path)}`, bytes);
}
const { digest } = await call("PUT", `/${id}/seal`);
process.stdout.write(`${id} ${digest}\n`);
