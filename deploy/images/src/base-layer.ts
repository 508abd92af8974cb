import { execFile } from "node:child_process";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ArchiveEntry } from "@waybill/waybill/oci-image";
import { packageFile, type Pins } from "./packages.ts";

const run = promisify(execFile);

/** Uid and gid that images run as, as distroless numbers them. */
export const nonroot = 65_532;

/**
 * What of the packages no program in the image reads: manuals, translations, character sets of iconv(3) (Node brings
 * its own), what debuggers and checkers of packages want, start scripts for shells. Copyright files stay.
 */
const leftOut = [
  /^usr\/share\/(?:man|info|locale|lintian|gdb|gcc|bug|doc-base|dict|misc|base-files)(?:\/|$)/,
  /^usr\/share\/doc\/[^/]+\/(?!copyright$)/,
  /^usr\/share\/ca-certificates(?:\/|$)/,
  /^usr\/lib\/[^/]+\/(?:gconv|audit)(?:\/|$)/,
  /^usr\/(?:s?bin|games|include|src)(?:\/|$)/,
  /^etc\/(?:profile|skel|update-motd|ld\.so\.conf|default|init\.d|cron|ca-certificates|issue|motd|dpkg)/,
  /^s?bin(?:\/|$)/,
  /^var\/(?:backups|cache|lib\/(?!dpkg)|local|lock|mail|opt|run|spool)/,
  /^(?:boot|media|mnt|srv|opt)(?:\/|$)/,
] as const;

const certificates = "usr/share/ca-certificates/mozilla/";

const accounts = {
  "etc/passwd": [
    "root:x:0:0:root:/root:/sbin/nologin",
    `nonroot:x:${nonroot}:${nonroot}:nonroot:/home/nonroot:/sbin/nologin`,
    "nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin",
  ],
  "etc/group": ["root:x:0:", "tty:x:5:", "staff:x:50:", `nonroot:x:${nonroot}:`, "nobody:x:65534:"],
  "etc/nsswitch.conf": ["passwd: files", "group: files", "hosts: files dns", "services: files", "protocols: files"],
} as const;

/**
 * The file system below every image: the files of the pinned packages as dpkg-deb unpacks them, without their scripts,
 * without a shell or a package manager. `var/lib/dpkg/status.d` says what is in, in the place where scanners look.
 * @param folder an empty folder for the unpacked files; must stay until the entries are read.
 */
export async function baseLayer(pins: Pins, folder: string): Promise<ReadonlyMap<string, ArchiveEntry>> {
  const entries = new Map<string, ArchiveEntry>();
  const trusted: string[] = [];
  for (const pinned of pins.packages) {
    const file = await packageFile(pinned);
    const unpacked = join(folder, pinned.name);
    await run("dpkg-deb", ["--extract", file, unpacked]);
    for await (const [path, entry] of filesBelow(unpacked)) {
      if (path.startsWith(certificates) && path.endsWith(".crt")) trusted.push(join(unpacked, path));
      if (!leftOut.some((pattern) => pattern.test(path))) entries.set(path, entry);
    }
    const { stdout } = await run("dpkg-deb", ["--field", file]);
    entries.set(`var/lib/dpkg/status.d/${pinned.name}`, text(stdout));
  }
  const bundle = await Promise.all(trusted.toSorted().map((path) => readFile(path, "utf8")));
  entries.set("etc/ssl/certs/ca-certificates.crt", text(bundle.map((pem) => `${pem.trim()}\n`).join("")));
  for (const [path, lines] of Object.entries(accounts)) entries.set(path, text(`${lines.join("\n")}\n`));
  entries.set("etc/localtime", { kind: "symlink", target: "/usr/share/zoneinfo/Etc/UTC" });
  entries.set("root", { kind: "directory", mode: 0o700 });
  entries.set("tmp", { kind: "directory", mode: 0o1777 });
  entries.set("var/tmp", { kind: "directory", mode: 0o1777 });
  entries.set("home/nonroot", { kind: "directory", mode: 0o700, uid: nonroot, gid: nonroot });
  return entries;
}

function text(content: string): ArchiveEntry {
  return { kind: "file", content: Buffer.from(content) };
}

/** Everything below a folder, with its mode; owners and times of this machine are left behind. */
async function* filesBelow(root: string, folder = ""): AsyncGenerator<readonly [string, ArchiveEntry]> {
  for (const name of (await readdir(join(root, folder))).toSorted()) {
    const path = folder === "" ? name : `${folder}/${name}`;
    const source = join(root, path);
    const found = await lstat(source);
    const mode = found.mode & 0o7777;
    if (found.isDirectory()) {
      yield [path, { kind: "directory", mode }];
      yield* filesBelow(root, path);
    } else if (found.isSymbolicLink()) yield [path, { kind: "symlink", target: await readlink(source) }];
    // No set-user-id bits: nothing in here needs them, and whoever gets in must not find one.
    else if (found.isFile()) yield [path, { kind: "file", source, mode: mode & 0o755 }];
  }
}
