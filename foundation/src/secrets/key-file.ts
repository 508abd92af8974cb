import { randomBytes } from "node:crypto";
import { link, open, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { UserError } from "../errors/index.ts";
import type { SecretKey } from "./keyring.ts";

/** `<id> <base64 of 32 bytes>`; empty lines and those that begin with `#` say nothing. */
const line = /^([a-z0-9-]{1,32})\s+([A-Za-z0-9+/]{43}=)$/;
const most = 100;

/**
 * Keys of a file, the one that seals first. None when the file is not there.
 * @throws UserError when it cannot be read, or is no file of keys; never with what is in it
 */
export async function readKeyFile(path: string): Promise<readonly SecretKey[]> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return "";
    throw new UserError(`the keys in ${path} cannot be read`, "Let the user that runs this read the file.", {
      cause: error,
    });
  });
  const keys = new Map<string, Uint8Array>();
  for (const [index, written] of text.split("\n").entries()) {
    const said = written.trim();
    if (said === "" || said.startsWith("#")) continue;
    const [, id, key] = line.exec(said) ?? [];
    if (id === undefined || key === undefined || keys.has(id) || keys.size >= most) {
      throw new UserError(
        `line ${index + 1} of ${path} is no key`,
        "A line is an id (a-z, 0-9, -; each once), a blank, and base64 of 32 bytes: openssl rand -base64 32",
      );
    }
    keys.set(id, Buffer.from(key, "base64"));
  }
  return [...keys].map(([id, key]) => ({ id, key }));
}

/** The keys of a file, which is made with one key, readable by its owner only, when it is not there. @throws UserError */
export async function makeKeyFile(path: string): Promise<readonly SecretKey[]> {
  const known = await readKeyFile(path);
  if (known.length > 0) return known;
  const key = `${randomBytes(4).toString("hex")} ${randomBytes(32).toString("base64")}\n`;
  const text = `# Opens the secrets of the database beside it: back it up, and not with the database.\n${key}`;
  // Written beside and linked: nobody ever reads half of it, and of two that make one the first wins.
  const fresh = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  try {
    await writeFile(fresh, text, { mode: 0o600, flag: "wx", flush: true });
    await link(fresh, path);
    // On the medium before anything is sealed with it.
    await using folder = await open(dirname(path), "r");
    await folder.sync();
  } catch (error) {
    if (!hasCode(error, "EEXIST")) {
      throw new UserError(`no key can be written to ${path}`, "Let the user that runs this write there.", {
        cause: error,
      });
    }
  } finally {
    await rm(fresh, { force: true });
  }
  const made = await readKeyFile(path);
  if (made.length > 0) return made;
  throw new UserError(`there is no key in ${path}`, "Remove the file to have a new one made, or write a key into it.");
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
