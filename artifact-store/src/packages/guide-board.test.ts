import { once } from "node:events";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { text } from "node:stream/consumers";
import { spawn } from "node:child_process";
import { temporaryFolder } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { openDoor, startStateHub, unpackRun } from "../testing/index.ts";
import { describeRun, describeRunFolder } from "./index.ts";

const example = new URL("../../examples/ingest-run.ts", import.meta.url).pathname;

/** Like somebody at a command line. */
async function ingest(
  parameters: readonly string[],
  token: string,
): Promise<{ out: string; err: string; code: unknown }> {
  const child = spawn(process.execPath, [example, ...parameters], { env: { ...process.env, WAYBILL_TOKEN: token } });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { out: out.trim(), err, code };
}

async function filesOf(folder: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(paths.map(async (path) => [relative(folder, path), await readFile(path)] as const)));
}

describe("real conformance runs of guide-board", () => {
  it("go in with one script, come out byte for byte, are found by run, outcome and subject, and keep a state hub in step", async () => {
    await using folder = await temporaryFolder("waybill-pilot-");
    const door = await openDoor();
    const hub = await startStateHub();
    const { secret } = await door.store.webhooks.subscribe({
      url: hub.url,
      types: ["package.*"],
      tenant: "acme",
      createdBy: "test",
    });
    hub.secret = secret;
    await door.store.webhooks.start({ allowPrivateNetworks: true, firstDelayMs: 10, longestDelayMs: 100 });
    await door.store.retention.defineClass({
      name: "runs",
      lifetimeMs: 90 * 86_400_000,
      longestMs: null,
      untaggedMs: null,
      locked: false,
    });
    await door.store.retention.useClass("acme/cmis" as never, "runs");

    const passed = await unpackRun("20261121T080131Z-browser-version", folder.path);
    const failed = await unpackRun("20261121T080030Z-atompub-all", folder.path);
    const printed = new Map<string, string>();
    for (const run of [passed, failed]) {
      const { out, err, code } = await ingest([run, door.url, "acme/cmis", hub.recordsUrl], door.tokens.acme);
      expect([code, err]).toEqual([0, ""]);
      printed.set(run, out);
    }
    // Once more: the same package.
    const again = await ingest([passed, door.url, "acme/cmis", hub.recordsUrl], door.tokens.acme);
    expect(again).toEqual({ out: printed.get(passed), err: "", code: 0 });

    for (const [query, run] of [
      ["runId=20261121T080131Z-browser-version", passed],
      ["outcome=failed", failed],
      ["outcome=passed&subject=Apache%20Chemistry%20OpenCMIS%20InMemory%20Server%201.1.0", passed],
      ["label=binding=atompub&producer=guide-board&kind=cmis-conformance", failed],
    ] as const) {
      const { items } = (await (await door.call("GET", `/api/v1/packages?${query}`, { as: "acme" })).json()) as {
        items: { id: string; digest: string; class: string; links: unknown; expiresAt: string; fileCount: number }[];
      };
      expect(items.map(({ id, digest }) => `${id} ${digest}`)).toEqual([printed.get(run)]);
      expect(items[0]).toMatchObject({
        class: "runs",
        links: [{ rel: "statehub", href: expect.stringContaining(hub.recordsUrl) as string }],
        fileCount: 14,
      });
      expect(Date.parse(items[0]?.expiresAt ?? "")).toBeGreaterThan(Date.now() + 89 * 86_400_000);
    }
    for (const [run, line] of printed) {
      const [id = ""] = line.split(" ");
      const there = await filesOf(run);
      const { items } = await door.store.packages.files(id);
      expect(items.map((file) => file.path).toSorted()).toEqual([...there.keys()].toSorted());
      for (const [path, bytes] of there) {
        const file = await door.call("GET", `/api/v1/packages/${id}/files/${path}`, { as: "acme" });
        expect(Buffer.from(await file.arrayBuffer()).equals(bytes)).toBe(true);
      }
    }
    const records = [...printed].map(([run, line]) => [run.split("run-").at(-1) ?? "", line.split(" ")[1]] as const);
    for (const [run, digest] of records) {
      await expect.poll(() => hub.records.get(run)).toMatchObject({ state: "sealed", digest });
    }
    await hub.down();
    await door.close();
  });

  it("are refused when their run.json says something else", async () => {
    await using folder = await temporaryFolder("waybill-run-");
    expect(await describeRunFolder(folder.path)).toBeUndefined();
    await writeFile(join(folder.path, "run.json"), "{");
    await expect(describeRunFolder(folder.path)).rejects.toMatchObject({ code: "PACKAGE_INVALID" });
    await rm(join(folder.path, "run.json"));
    await mkdir(join(folder.path, "run.json"));
    await expect(describeRunFolder(folder.path)).rejects.toThrow();
    expect(() => describeRun({ run_id: 1 })).toThrow(/run_id/);
  });
});
