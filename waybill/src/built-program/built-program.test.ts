import { mkdir, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { temporaryFolder, type TemporaryFolder } from "@waybill/foundation/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { freshProgram, programFolder, programRecord, stampOf, type BuiltProgram } from "./index.ts";

let folder: TemporaryFolder;
let root: string;
let entry: string;
const source = "waybill/src/main.ts";

/** A checkout with one source, and a program that was built of it. */
beforeEach(async () => {
  folder = await temporaryFolder("waybill-built-");
  root = join(folder.path, "checkout");
  entry = join(root, programFolder, "main-1.mjs");
  await mkdir(join(root, "waybill/src"), { recursive: true });
  await mkdir(join(root, programFolder), { recursive: true });
  await writeFile(join(root, source), "one\n");
  await writeFile(entry, "");
  await record({ root, entry: "main-1.mjs", sources: { [source]: stampOf(join(root, source)) } });
});
afterEach(() => folder[Symbol.asyncDispose]());

const record = (program: BuiltProgram): Promise<void> =>
  writeFile(join(root, programFolder, programRecord), JSON.stringify(program));

describe("a built program", () => {
  it("runs when every source is as it was", () => {
    expect(freshProgram(root)).toBe(pathToFileURL(entry).href);
  });

  it.each<[string, () => Promise<unknown>]>([
    ["a source has other bytes", () => writeFile(join(root, source), "three\n")],
    ["a source was written again", () => utimes(join(root, source), new Date(), new Date(Date.now() + 5_000))],
    ["a source has gone", () => rm(join(root, source))],
    ["its first file has gone", () => rm(entry)],
    ["nothing was built", () => rm(join(root, programFolder), { recursive: true })],
    ["its record is no record", () => writeFile(join(root, programFolder, programRecord), "{")],
  ])("does not when %s", async (_, change) => {
    await change();
    expect(freshProgram(root)).toBeUndefined();
  });

  it("does not in a checkout that was moved: it has the paths of the old one in it", async () => {
    const moved = join(folder.path, "moved");
    await rename(root, moved);
    expect(freshProgram(moved)).toBeUndefined();
  });
});
