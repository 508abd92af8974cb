import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { blobOfSize, registryClient, startStoreServer } from "../testing/index.ts";

const manifestType = "application/vnd.oci.image.manifest.v1+json";

function lacksTracing(): boolean {
  const lacks = spawnSync("strace", ["-o", "/dev/null", "true"]).status !== 0;
  if (lacks)
    process.stderr.write(
      "what a server does before it answers is not looked at: strace is not there, or may not trace\n",
    );
  return lacks;
}

describe.skipIf(lacksTracing())("an answer that promises something", () => {
  it("leaves when the log of the catalog is on the disk, and the thread that serves never waits for that", async () => {
    const root = await mkdtemp(join(tmpdir(), "waybill-durable-"));
    const trace = join(root, "trace");
    const server = await startStoreServer(join(root, "store"), { collectEveryMs: 0 });
    const client = registryClient(server.url);
    try {
      const calls = "trace=write,writev,pwrite64,fsync,fdatasync";
      const tracer = spawn("strace", ["-f", "-y", "-s", "12", "-e", calls, "-o", trace, "-p", String(server.pid)], {
        stdio: ["ignore", "ignore", "pipe"],
      });
      await once(createInterface({ input: tracer.stderr }), "line"); // attached
      // One after the other: what is written to the log between a question and its answer is then for this answer.
      for (let count = 0; count < 5; count++) {
        const [config, layer] = [blobOfSize(100), blobOfSize(20_000)];
        expect((await client.pushAtOnce("acme/app", config)).status).toBe(201);
        expect((await client.pushWhole("acme/app", layer)).status).toBe(201);
        const descriptor = ({ digest, size }: typeof layer) => ({
          mediaType: "application/octet-stream",
          digest,
          size,
        });
        const manifest = Buffer.from(
          JSON.stringify({ schemaVersion: 2, config: descriptor(config), layers: [descriptor(layer)] }),
        );
        const headers = { "content-type": manifestType, "content-length": manifest.byteLength };
        expect((await client.send("PUT", `/v2/acme/app/manifests/v${count}`, headers, [manifest])).status).toBe(201);
      }
      tracer.kill("SIGINT"); // detaches
      await once(tracer, "exit");
      const seen = promisesIn(await readFile(trace, "utf8"), server.pid);
      expect(seen).toEqual({ kept: 15, early: 0, waits: 0 });
    } finally {
      client.close();
      await server.kill();
      await rm(root, { recursive: true });
    }
  });
});

/**
 * From lines of strace (`PID call(3</path>, …) = 0`, or in two halves): how many answers 201 left when all that was written to
 * the log before had been synced, how many before that, and how often the thread that answers synced the log itself.
 */
function promisesIn(trace: string, server: number): { kept: number; early: number; waits: number } {
  let written = 0;
  let synced = 0;
  const begun = new Map<string, number>();
  const seen = { kept: 0, early: 0, waits: 0 };
  for (const line of trace.split("\n")) {
    const thread = line.split(" ", 1)[0] ?? "";
    const isSync = /(?:fsync|fdatasync)\(\d+<[^>]*-wal>/.test(line);
    if (/pwrite64\(\d+<[^>]*-wal>/.test(line)) written++;
    if (isSync) begun.set(thread, written);
    if (isSync && Number(thread) === server) seen.waits++;
    if (/(?:fsync|fdatasync)(?:\(| resumed).*= 0$/.test(line)) {
      synced = Math.max(synced, begun.get(thread) ?? 0);
      begun.delete(thread);
    }
    if (line.includes("HTTP/1.1 201")) seen[synced === written ? "kept" : "early"]++;
  }
  return seen;
}
