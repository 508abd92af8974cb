import { randomBytes } from "node:crypto";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder, type TemporaryFolder } from "../testing/index.ts";
import { createKeyring, isSealed, makeKeyFile, readKeyFile } from "./index.ts";

const place = { table: "t", row: "r", column: "c" };
const keyOf = (id: string) => ({ id, key: randomBytes(32) });

describe("a keyring", () => {
  const old = keyOf("old");
  const current = keyOf("new");

  it("opens what it sealed, whatever it is, and says nothing of it", () => {
    const keyring = createKeyring([current], "keys");
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (secret) => {
        const sealed = keyring.seal(secret, place);
        expect(isSealed(sealed)).toBe(true);
        expect(keyring.open(sealed, place)).toBe(secret.toWellFormed());
        expect(keyring.seal(secret, place)).not.toBe(sealed);
      }),
    );
    expect(keyring.seal("whsec_abcdefgh", place)).not.toContain("abcdefgh");
  });

  it("opens nothing that was altered in any byte, or lies elsewhere", () => {
    const keyring = createKeyring([current], "keys");
    const sealed = keyring.seal("a secret", place);
    const head = sealed.lastIndexOf(":") + 1;
    const bytes = Buffer.from(sealed.slice(head), "base64url");
    for (let at = 0; at < bytes.byteLength; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const text = sealed.slice(0, head) + changed.toString("base64url");
      expect(() => keyring.open(text, place)).toThrow();
    }
    for (const other of [
      { ...place, table: "x" },
      { ...place, row: "x" },
      { ...place, column: "x" },
    ]) {
      expect(() => keyring.open(sealed, other)).toThrow();
    }
    expect(() => createKeyring([{ ...keyOf("new") }], "keys").open(sealed, place)).toThrow();
  });

  it("opens with every key, seals with the first, and knows what is to be sealed again", () => {
    const before = createKeyring([old], "keys").seal("a secret", place);
    const keyring = createKeyring([current, old], "keys");
    expect(keyring.open(before, place)).toBe("a secret");
    expect([keyring.isCurrent(before), keyring.isCurrent(keyring.seal("x", place))]).toEqual([false, true]);
  });

  it("names the key that is missing, and where", () => {
    const sealed = createKeyring([old], "keys").seal("a secret", place);
    expect(() => createKeyring([current], "/data/secrets.key").open(sealed, place)).toThrow(
      /the key old of this secret is not in \/data\/secrets\.key/,
    );
    expect(() => createKeyring([], "keys").seal("a secret", place)).toThrow(/no key in keys/);
  });
});

describe("a file of keys", () => {
  let folder: TemporaryFolder;
  let path: string;
  beforeEach(async () => {
    folder = await temporaryFolder("waybill-keys-");
    path = join(folder.path, "secrets.key");
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  it("is made once, for its owner only, also by many at a time", async () => {
    expect(await readKeyFile(path)).toEqual([]);
    const made = await Promise.all([1, 2, 3, 4].map(() => makeKeyFile(path)));
    expect(new Set(made.map(([key]) => Buffer.from(key?.key ?? []).toString("hex"))).size).toBe(1);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readKeyFile(path)).toEqual(made[0]);
    expect(await readdir(folder.path)).toEqual(["secrets.key"]);
  });

  it("is never written over, and takes a new first line for a new key", async () => {
    const [old] = await makeKeyFile(path);
    await writeFile(path, `2027-01 ${randomBytes(32).toString("base64")}\n${await readFile(path, "utf8")}`);
    expect((await makeKeyFile(path)).map(({ id }) => id)).toEqual(["2027-01", old?.id]);
  });

  it.each([
    ["a short key", `a ${randomBytes(16).toString("base64")}`],
    ["no id", randomBytes(32).toString("base64")],
    ["an id twice", [1, 2].map(() => `a ${randomBytes(32).toString("base64")}`).join("\n")],
  ])("is refused with %s, without what is in it", async (_, text) => {
    await writeFile(path, `# keys\n${text}\n`);
    const error: unknown = await makeKeyFile(path).catch((one: unknown) => one);
    expect(error).toMatchObject({ message: expect.stringMatching(/^line \d of .* is no key$/) as string });
    const words = text.split(/\s/).filter((word) => word.length > 8);
    for (const word of words) expect(JSON.stringify(error)).not.toContain(word);
  });

  it("that has no key in it is told of, and left as it is", async () => {
    await writeFile(path, "# nothing\n");
    await expect(makeKeyFile(path)).rejects.toThrow(/there is no key in/);
    expect(await readFile(path, "utf8")).toBe("# nothing\n");
  });
});
