import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { UserError } from "@waybill/foundation/errors";
import type { ArchiveEntry } from "@waybill/waybill/oci-image";

const run = promisify(execFile);
const modules = resolve(import.meta.dirname, "../../../node_modules");

/** Where images have Node. */
export const nodePath = "usr/local/bin/node";

/** The Node that the lock file pins, without its symbols (14 % of it). `folder` keeps the stripped file. */
export async function nodeLayer(
  folder: string,
): Promise<{ readonly entries: ReadonlyMap<string, ArchiveEntry>; readonly version: string }> {
  const home = join(modules, `node-linux-${process.arch}`);
  const binary = join(home, "bin/node");
  if (!existsSync(binary)) {
    throw new UserError(`there is no ${binary}`, "Images are made on Linux, x64 or arm64: run `make setup` there.");
  }
  const source = join(folder, "node");
  try {
    await run("strip", ["--strip-all", "--enable-deterministic-archives", "-o", source, binary]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new UserError("strip is missing", "Debian: apt-get install binutils");
  }
  const { stdout } = await run(source, ["--version"]);
  return {
    version: stdout.trim().replace(/^v/, ""),
    entries: new Map<string, ArchiveEntry>([
      [nodePath, { kind: "file", source, mode: 0o755 }],
      ["usr/local/share/doc/node/LICENSE", { kind: "file", source: join(home, "LICENSE") }],
    ]),
  };
}
