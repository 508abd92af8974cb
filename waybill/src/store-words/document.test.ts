import { readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseSavedPlan } from "@waybill/artifact-store";
import { parsePolicy } from "@waybill/artifact-store/http";
import { UserError } from "@waybill/foundation/errors";
import { temporaryFolder, type TemporaryFolder } from "@waybill/foundation/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readDocument, saveDocument } from "./index.ts";

let folder: TemporaryFolder;
const at = (name: string): string => join(folder.path, name);
beforeAll(async () => {
  folder = await temporaryFolder("waybill-document-");
});
afterAll(() => folder[Symbol.asyncDispose]());

describe("a document that is kept in a file", () => {
  const plan = { version: 1, store: "7b0a3f0e-3f5e-4f0e-9d1c-2f6f3a1b5c4d", plan: { at: 1, steps: [] } };

  it("comes back as it was, with nothing beside it, and is never written over", async () => {
    await saveDocument(at("plan.json"), plan);
    expect(await readDocument(at("plan.json"), parseSavedPlan)).toMatchObject(plan);
    await expect(saveDocument(at("plan.json"), {})).rejects.toThrow("is there already");
    expect(JSON.parse(await readFile(at("plan.json"), "utf8"))).toEqual(plan);
    expect(await readdir(folder.path)).toEqual(["plan.json"]);
  });

  it("cannot be saved where there is no folder", async () => {
    await expect(saveDocument(at("none/plan.json"), plan)).rejects.toThrow("cannot be written");
  });

  it.each([
    ["no JSON", "{", "is not JSON"],
    ["another version", '{"version":2}', "its version is not 1"],
    [
      "a step that is none",
      '{"version":1,"store":"7b0a3f0e-3f5e-4f0e-9d1c-2f6f3a1b5c4d","plan":{"at":1,"steps":[{}]}}',
      "step 0",
    ],
  ])("is refused with its name when it is %s", async (_, text, said) => {
    await writeFile(at("bad.json"), text);
    const reading = readDocument(at("bad.json"), parseSavedPlan);
    await expect(reading).rejects.toBeInstanceOf(UserError);
    await expect(reading).rejects.toThrow(new RegExp(`bad\\.json.*${said}`));
  });

  it("is refused when it is a policy with a word that no policy has, with the place", async () => {
    await writeFile(at("policy.json"), '{"tags":[{"matching":"*","rules":{"first":1}}]}');
    await expect(readDocument(at("policy.json"), parsePolicy)).rejects.toThrow("this is no policy: /tags/0/rules");
  });

  it("is refused when it is absent, a folder, or too large to be one", async () => {
    await expect(readDocument(at("none.json"), parsePolicy)).rejects.toThrow("cannot be read");
    await expect(readDocument(folder.path, parsePolicy)).rejects.toThrow("cannot be read");
    await writeFile(at("large.json"), "");
    await truncate(at("large.json"), 64 * 1024 * 1024 + 1);
    await expect(readDocument(at("large.json"), parsePolicy)).rejects.toThrow("has more than 67108864 bytes");
  });
});
