import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { digestOf, mediaTypes, openStore, parseRepositoryName, parseTag, type Digest } from "@waybill/artifact-store";
import { temporaryFolder, type TemporaryFolder } from "@waybill/foundation/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UnsoundError } from "../errors/index.ts";
import type { StoreAccess } from "../store-access/index.ts";
import { localAccess } from "../store-folder/index.ts";
import { silentProgress as progress } from "../terminal/index.ts";
import { openJournal } from "./journal.ts";
import { exportLayout, filesUnder, getFile, getFiles, importLayout, putFiles } from "./index.ts";

const home = parseRepositoryName("acme/app");
const { signal } = new AbortController();
const how = { force: false, progress, signal };
let folder: TemporaryFolder;
let access: StoreAccess;

beforeAll(async () => {
  folder = await temporaryFolder("waybill-transfer-");
  process.env["XDG_STATE_HOME"] = join(folder.path, "state");
  const store = await openStore({ root: join(folder.path, "store"), limits: { collectEveryMs: 0 } });
  access = localAccess({ store, close: () => store.close() }, folder.path);
});
afterAll(async () => {
  await access.close();
  delete process.env["XDG_STATE_HOME"];
  await folder[Symbol.asyncDispose]();
});

const at = (...path: readonly string[]): string => join(folder.path, ...path);
const target = (tag: string) => ({ repository: home, reference: { tag: parseTag(tag) } });
const asked = { repository: home, tag: undefined, producer: "test", kind: "files", labels: {}, links: [] };

async function put(bytes: Uint8Array): Promise<Digest> {
  await access.uploads.put(home, bytes, digestOf(bytes));
  return digestOf(bytes);
}

/** A package as a stranger pushes it, with names of its choice. */
async function pushNamed(tag: string, titles: readonly string[]): Promise<void> {
  const descriptor = { mediaType: "application/octet-stream", digest: await put(Buffer.from("evil")), size: 4 };
  const content = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociImage,
      config: { mediaType: "application/vnd.oci.empty.v1+json", digest: await put(Buffer.from("{}")), size: 2 },
      layers: titles.map((title) => ({ ...descriptor, annotations: { "org.opencontainers.image.title": title } })),
    }),
  );
  await access.content.putManifest(home, { content, mediaType: mediaTypes.ociImage, tags: [parseTag(tag)] });
}

describe("what a hostile package names", () => {
  it.each([
    [["../evil"]],
    [["/tmp/evil"]],
    [["good", "a/../../evil"]],
    [["a\\b"]],
    [["nul"]],
    [["x\u0000y"]],
    [["A", "a"]],
    [["a", "a/b"]],
    [["a/"]],
    [["same", "same"]],
    [["caf\u00e9", "cafe\u0301"]],
  ])("%j is refused before anything is written, into a folder and into an archive", async (titles) => {
    await pushNamed("hostile", titles);
    await mkdir(at("nest"), { recursive: true });
    for (const output of ["nest/inside", "nest/archive.tar"]) {
      await expect(getFiles(access, target("hostile"), at(output), how)).rejects.toThrow(/cannot be|would meet/);
    }
    expect(await readdir(at("nest"))).toEqual([]);
    // One file of it can still be had, under a name that its reader chooses.
    await getFile(access, target("hostile"), titles[0] ?? "", at("chosen"), { ...how, force: true });
    expect(await readFile(at("chosen"), "utf8")).toBe("evil");
  });
});

describe("a file that changes", () => {
  it("between its digest and its sending ends the put, and the next one sends what is there then", async () => {
    await mkdir(at("changing"));
    const path = at("changing/file");
    await writeFile(path, randomBytes(6_000_000));
    const found = await filesUnder([at("changing")], false);
    const changing: StoreAccess = {
      ...access,
      uploads: {
        ...access.uploads,
        async append(...given) {
          await writeFile(path, randomBytes(6_000_000));
          return await access.uploads.append(...given);
        },
      },
    };
    const first = putFiles(changing, { ...asked, paths: [at("changing")] }, found, { progress, signal });
    await expect(first).rejects.toThrow(/changed while it was (sent|read)/);
    const second = await putFiles(access, { ...asked, paths: [at("changing")] }, found, { progress, signal });
    expect(second).toMatchObject({ sent: 6_000_000, package: { state: "sealed", fileCount: 1 } });
  });

  it("that shrinks under its reader is told so, and nothing of it is sealed", async () => {
    await mkdir(at("shrinking"));
    await writeFile(at("shrinking/file"), randomBytes(6_000_000));
    const found = await filesUnder([at("shrinking")], false);
    const shrinking: StoreAccess = {
      ...access,
      uploads: {
        ...access.uploads,
        async append(...given) {
          await truncate(at("shrinking/file"), 1000);
          return await access.uploads.append(...given);
        },
      },
    };
    const put1 = putFiles(shrinking, { ...asked, kind: "shrinking", paths: [at("shrinking")] }, found, {
      progress,
      signal,
    });
    await expect(put1).rejects.toThrow("changed while it was read");
    expect((await access.packages.find({ limit: 10, kind: "shrinking", labels: {} })).items).toEqual([]);
  });

  it("between two puts makes another package than the one that was begun", async () => {
    await mkdir(at("between"));
    await writeFile(at("between/a"), "first");
    await writeFile(at("between/b"), "same");
    const paths = [at("between")];
    const failing: StoreAccess = {
      ...access,
      packages: { ...access.packages, seal: () => Promise.reject(new Error("cut")) },
    };
    const put1 = putFiles(failing, { ...asked, kind: "between", paths }, await filesUnder(paths, false), {
      progress,
      signal,
    });
    await expect(put1).rejects.toThrow("cut");
    await writeFile(at("between/a"), "second");
    const again = { ...asked, kind: "between", paths };
    const made = await putFiles(access, again, await filesUnder(paths, false), { progress, signal });
    const files = await access.packages.files(made.package.id, { limit: 10 });
    expect(files.items.map(({ path, digest }) => [path, digest])).toEqual([
      ["a", digestOf(Buffer.from("second"))],
      ["b", digestOf(Buffer.from("same"))],
    ]);
    expect(made.sent).toBe(6);
  });
});

describe("what was sent", () => {
  it("is counted whole, though several files are sent at once; what is there already counts nothing", async () => {
    await mkdir(at("many"));
    for (let index = 0; index < 30; index++) await writeFile(at(`many/${index}`), randomBytes(1000 + index));
    const paths = [at("many")];
    const put = async (kind: string) =>
      await putFiles(access, { ...asked, kind, paths }, await filesUnder(paths, false), { progress, signal });
    expect((await put("many")).sent).toBe(30 * 1000 + 435);
    expect((await put("many-again")).sent).toBe(0);
  });
});

describe("a layout", () => {
  it("that is not whole, is no archive, is compressed, or lies about its bytes is refused and brings nothing in", async () => {
    await pushNamed("good", ["file"]);
    await exportLayout(access, [target("good")], at("good.tar"), { ...how, retention: false });
    const tar = await readFile(at("good.tar"));
    const bring = (source: string) =>
      importLayout(
        access,
        { source: at(source), repository: parseRepositoryName("acme/bad"), tag: undefined, retention: false },
        how,
      );
    await writeFile(at("cut.tar"), tar.subarray(0, 1500));
    await writeFile(at("noise.tar"), randomBytes(4096));
    await writeFile(at("packed.tar"), Buffer.concat([Buffer.from([0x1f, 0x8b]), randomBytes(2000)]));
    await writeFile(at("empty.tar"), Buffer.alloc(1024));
    const lying = Buffer.from(tar);
    lying.write("EVIL", lying.indexOf("evil"));
    await writeFile(at("lying.tar"), lying);
    const document = Buffer.from(tar);
    document.write("X", document.lastIndexOf("schemaVersion"));
    await writeFile(at("document.tar"), document);
    await expect(bring("cut.tar")).rejects.toThrow(/ends early|has no/);
    await expect(bring("noise.tar")).rejects.toThrow("no tar archive");
    await expect(bring("packed.tar")).rejects.toThrow("compressed");
    await expect(bring("empty.tar")).rejects.toThrow("has no oci-layout");
    await expect(bring("lying.tar")).rejects.toThrow(/have the digest/);
    await expect(bring("document.tar")).rejects.toThrow(UnsoundError);
    await expect(bring("nothing.tar")).rejects.toThrow("there is nothing at");
    expect(await access.content.manifests(parseRepositoryName("acme/bad"), { limit: 1 })).toEqual({ items: [] });
  });

  it("takes more references beside its own, and the same once", async () => {
    await pushNamed("one", ["1"]);
    await pushNamed("two", ["2"]);
    for (const tags of [["one"], ["two"], ["one", "two"]]) {
      await exportLayout(access, tags.map(target), at("both"), { ...how, retention: false });
    }
    const index = JSON.parse(await readFile(at("both/index.json"), "utf8")) as { manifests: { annotations: object }[] };
    expect(index.manifests.map(({ annotations }) => Object.values(annotations))).toEqual([["one"], ["two"]]);
    const chosen = { source: at("both"), repository: parseRepositoryName("acme/chosen"), retention: false };
    await expect(importLayout(access, { ...chosen, tag: parseTag("x") }, how)).rejects.toThrow("one tag is for one");
    expect(await importLayout(access, { ...chosen, tag: parseTag("x"), reference: "two" }, how)).toMatchObject([
      { tag: "x" },
    ]);
    await expect(importLayout(access, { ...chosen, tag: undefined, reference: "three" }, how)).rejects.toThrow(
      "nothing called",
    );
  });
});

describe("the journal of a transfer", () => {
  it("survives being cut off in the middle of a word: it begins anew", async () => {
    const journal = await openJournal(["a"]);
    await journal.setUpload("sha256:x", "id");
    expect((await openJournal(["a"])).uploadOf("sha256:x")).toBe("id");
    expect((await openJournal(["b"])).uploadOf("sha256:x")).toBeUndefined();
    for (const name of await readdir(at("state/waybill/transfers"))) {
      await writeFile(at("state/waybill/transfers", name), '{"key":"k","uploads":{"sha25');
    }
    expect((await openJournal(["a"])).uploadOf("sha256:x")).toBeUndefined();
  });
});
