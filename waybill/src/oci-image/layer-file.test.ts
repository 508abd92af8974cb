import { execFile } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { temporaryFolder } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { tarHeader, writeLayer, type ArchiveEntry } from "./index.ts";

const run = promisify(execFile);

const entries: readonly (readonly [string, ArchiveEntry])[] = [
  ["bin/program", { kind: "file", content: Buffer.from("run me"), mode: 0o755 }],
  ["tmp", { kind: "directory", mode: 0o1777 }],
  ["lib/now", { kind: "symlink", target: "/bin/program" }],
  ["a/second", { kind: "hardlink", target: "bin/program" }],
  ["home/user", { kind: "directory", mode: 0o700, uid: 65_532, gid: 65_532 }],
  [`${"long-folder-name/".repeat(8)}file`, { kind: "file", content: Buffer.alloc(1000, "x") }],
];

describe("a layer of files", () => {
  it("is read by tar as it was meant, with the folders that nobody named", async () => {
    await using folder = await temporaryFolder("waybill-layer-");
    const layer = await writeLayer(folder.path, new Map(entries));
    const path = join(folder.path, "blobs/sha256", layer.digest.slice("sha256:".length));
    const { stdout } = await run("tar", ["--list", "--verbose", "--numeric-owner", "--gzip", "--file", path]);
    const lines = stdout.trim().split("\n");
    expect(lines).toEqual([
      expect.stringMatching(/^drwxr-xr-x 0\/0 .* a\/$/),
      expect.stringMatching(/^drwxr-xr-x 0\/0 .* bin\/$/),
      expect.stringMatching(/^-rwxr-xr-x 0\/0 +6 .* bin\/program$/),
      expect.stringMatching(/^drwxr-xr-x 0\/0 .* home\/$/),
      expect.stringMatching(/^drwx------ 65532\/65532 .* home\/user\/$/),
      expect.stringMatching(/^drwxr-xr-x 0\/0 .* lib\/$/),
      expect.stringMatching(/^lrwxrwxrwx 0\/0 .* lib\/now -> \/bin\/program$/),
      ...Array.from({ length: 8 }, () => expect.stringMatching(/^drwxr-xr-x 0\/0 .*long-folder-name\/$/) as unknown),
      expect.stringMatching(/^-rw-r--r-- 0\/0 +1000 .*long-folder-name\/file$/),
      expect.stringMatching(/^drwxrwxrwt 0\/0 .* tmp\/$/),
      expect.stringMatching(/^hrw-r--r-- 0\/0 .* a\/second link to bin\/program$/),
    ]);
  });

  it("is the same for the same entries, whatever their order, and another one for others", async () => {
    await using folder = await temporaryFolder("waybill-layer-");
    const first = await writeLayer(folder.path, new Map(entries));
    expect(await writeLayer(folder.path, new Map(entries.toReversed()))).toMatchObject({
      digest: first.digest,
      diffId: first.diffId,
    });
    const other = await writeLayer(
      folder.path,
      new Map([...entries, ["etc/new", { kind: "file", content: Buffer.from("") }]]),
    );
    expect(other.digest).not.toBe(first.digest);
  });

  it("leaves nothing behind when a file cannot be read", async () => {
    await using folder = await temporaryFolder("waybill-layer-");
    const missing = join(folder.path, "missing");
    await expect(writeLayer(folder.path, new Map([["x", { kind: "file", source: missing }]]))).rejects.toThrow(
      "ENOENT",
    );
    expect(await readdir(join(folder.path, "blobs/sha256"))).toEqual([]);
  });

  it("reads files when their turn comes", async () => {
    await using folder = await temporaryFolder("waybill-layer-");
    const source = join(folder.path, "source");
    await writeFile(source, "from disk");
    const read = await writeLayer(folder.path, new Map([["f", { kind: "file", source }]]));
    const held = await writeLayer(folder.path, new Map([["f", { kind: "file", content: Buffer.from("from disk") }]]));
    expect(read.digest).toBe(held.digest);
  });
});

describe("a tar header", () => {
  it("refuses what the format cannot hold", () => {
    const file = { kind: "file", sizeBytes: 0 } as const;
    expect(() => tarHeader({ ...file, path: "x".repeat(101) })).toThrow("too long");
    expect(() => tarHeader({ ...file, path: "x", uid: 2 ** 24 })).toThrow("does not fit");
    expect(() => tarHeader({ ...file, kind: "symlink", path: "x", target: "y".repeat(101) })).toThrow("points too far");
  });
});
