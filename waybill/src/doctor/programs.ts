import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { Finding } from "./finding.ts";

/** Full path of a program, also where PATH of an ordinary user leaves out the system's folders. */
export async function findProgram(name: string, path = process.env["PATH"] ?? ""): Promise<string | undefined> {
  for (const folder of [...path.split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"]) {
    if (folder === "") continue;
    const candidate = join(folder, name);
    const runs = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return candidate;
  }
  return undefined;
}

/** A program of a Debian package that only a part of Waybill needs. */
export async function programFinding(name: string, usedFor: string, debianPackage = name): Promise<Finding> {
  const path = await findProgram(name);
  return path === undefined
    ? {
        name,
        status: "missing",
        detail: `not installed; ${usedFor}`,
        advice: `apt-get install ${debianPackage}`,
      }
    : { name, status: "ok", detail: path };
}
