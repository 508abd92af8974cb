import { execFile } from "node:child_process";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { temporaryFolder } from "@waybill/foundation/testing";
import { expect, it } from "vitest";
import { readArchive, writeArchive } from "./index.ts";

/** Archives that the tar of this machine makes, and what it makes of ours. */

const run = promisify(execFile);
const limits = { files: 50, bytes: 1024 * 1024, ratio: 100 };
const long = `deep/${"x".repeat(120)}/${"y".repeat(100)}.log`;
const files: Readonly<Record<string, string>> = {
  "a.txt": "a",
  [long]: "long",
  "deep/\u00fc.txt": "umlaut",
  empty: "",
};

it.each([
  ["tar", ["-cf", "out", "-C", "in", "."]],
  ["tar", ["--format=pax", "-cf", "out", "-C", "in", "."]],
  ["tar", ["--format=gnu", "-cf", "out", "-C", "in", "."]],
  ["tar+gzip", ["-czf", "out", "-C", "in", "."]],
  ["tar+zstd", ["--zstd", "-cf", "out", "-C", "in", "."]],
] as const)("what tar makes (%s, %j) comes in whole, and not with a link in it", async (format, parameters) => {
  await using folder = await temporaryFolder("waybill-tar-");
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(folder.path, "in", path, ".."), { recursive: true });
    await writeFile(join(folder.path, "in", path), content);
  }
  const unpack = async (): Promise<Record<string, string>> => {
    const source = createReadStream(join(folder.path, "out"));
    const found: Record<string, string> = {};
    for await (const { path, bytes } of readArchive(source, format, { limits, spool: folder.path })) {
      found[path] = (await buffer(Readable.from(bytes))).toString();
    }
    return found;
  };
  await run("tar", parameters, { cwd: folder.path });
  expect(await unpack()).toEqual(files);
  await symlink("a.txt", join(folder.path, "in", "link"));
  await run("tar", parameters, { cwd: folder.path });
  await expect(unpack()).rejects.toThrow(/"\.\/link" is a symbolic link/);
});

it.each([
  ["tar", ["-xf"]],
  ["tar+gzip", ["-xzf"]],
  ["tar+zstd", ["--zstd", "-xf"]],
] as const)("tar unpacks what goes out (%s)", async (format, parameters) => {
  await using folder = await temporaryFolder("waybill-tar-");
  const packed = Object.entries(files).map(([path, content]) => ({
    path,
    size: Buffer.byteLength(content),
    open: () => Promise.resolve(Readable.from([Buffer.from(content)])),
  }));
  await pipeline(writeArchive(packed, format), createWriteStream(join(folder.path, "archive")));
  await mkdir(join(folder.path, "out"));
  await run("tar", [...parameters, "../archive"], { cwd: join(folder.path, "out") });
  for (const [path, content] of Object.entries(files)) {
    expect(await readFile(join(folder.path, "out", path), "utf8")).toBe(content);
  }
  expect((await readdir(join(folder.path, "out"))).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
    "a.txt",
    "deep",
    "empty",
  ]);
});
