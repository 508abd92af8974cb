import { rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { tokenFile } from "./token-file.ts";

describe("the token in a file", () => {
  it("is read again as Kubernetes renews it (another folder behind a link), at most once in ten seconds", async () => {
    await using folder = await temporaryFolder("waybill-token-");
    const path = join(folder.path, "token");
    await writeFile(join(folder.path, "first"), "one\n");
    await writeFile(join(folder.path, "second"), "two\n");
    await symlink("first", path);
    let now = 0;
    const token = tokenFile(path, () => now);
    expect(await token()).toBe("one");
    await symlink("second", `${path}.new`);
    await rename(`${path}.new`, path);
    now = 9_000;
    expect(await token()).toBe("one");
    now = 11_000;
    expect(await token()).toBe("two");
  });

  it("stays in use while the file is away, and comes from nowhere before", async () => {
    await using folder = await temporaryFolder("waybill-token-");
    const path = join(folder.path, "token");
    let now = 0;
    const token = tokenFile(path, () => now);
    await expect(token()).rejects.toThrow(`the token file ${path} cannot be used`);
    await writeFile(path, "one");
    expect(await token()).toBe("one");
    await rm(path);
    now = 20_000;
    expect(await token()).toBe("one");
  });

  it("is no token when it would be more than one line of a header", async () => {
    await using folder = await temporaryFolder("waybill-token-");
    const path = join(folder.path, "token");
    for (const text of ["", "one\ntwo", "one two", "tokén"]) {
      await writeFile(path, text);
      await expect(tokenFile(path)()).rejects.toThrow("there is no token in it");
    }
  });
});
