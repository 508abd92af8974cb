import { readdir, readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { openDatabase } from "@waybill/foundation/database";
import { temporaryFolder } from "@waybill/foundation/testing";
import { expect, it } from "vitest";
import { storeMigrations } from "../catalog/index.ts";
import { parseRepositoryName } from "../names/index.ts";
import { openStore } from "./index.ts";

/** docs/artifact-store.md, which says what lies on disk and in the catalog. */

async function section(heading: string): Promise<string> {
  const page = await readFile(new URL("../../../docs/artifact-store.md", import.meta.url), "utf8");
  const [, found] = new RegExp(`^## ${heading}\\n([\\s\\S]*?)^## `, "m").exec(page) ?? [];
  if (found === undefined) throw new Error(`the page has no section ${heading}`);
  return found;
}

it("the documentation names every table of the catalog, and none that is not there", async () => {
  await using folder = await temporaryFolder("waybill-documented-");
  const url = `${folder.path}/catalog.sqlite`;
  interface Tables {
    readonly sqlite_master: { readonly type: string; readonly name: string };
  }
  const database = await openDatabase<Tables>({ url, migrations: [storeMigrations] });
  const rows = await database.read.selectFrom("sqlite_master").select("name").where("type", "=", "table").execute();
  await database.close();
  const there = rows.map(({ name }) => name).filter((name) => name.startsWith("store_"));
  const named = new Set((await section("Catalog")).match(/(?<=`)store_[a-z_]+(?=`)/g));
  expect(there.length).toBeGreaterThan(20);
  expect([...named].toSorted()).toEqual(there.toSorted());
});

it("the documentation names everything that a store puts into its folder", async () => {
  await using folder = await temporaryFolder("waybill-documented-");
  const store = await openStore({ root: folder.path });
  const repository = parseRepositoryName("acme/documented");
  const { id } = await store.packages.open({ repository, producer: "test", kind: "test" });
  await store.packages.addFile(id, "a.txt", { chunks: new Blob(["a"]).stream() });
  const packed = await store.packages.writeArchive((await store.packages.seal(id)).id, "zip");
  const again = await store.packages.open({ repository, producer: "test", kind: "again" });
  await store.packages.addArchive(again.id, Readable.from(packed), "zip");
  await store.uploads.start(repository);
  await store.webhooks.subscribe({ url: "https://states.example/", createdBy: "test" });
  const there = await readdir(folder.path);
  await store.close();
  const layout = await section("On disk");
  expect(there).toContain("secrets.key");
  // SQLite's own files lie beside the catalog and are named after it.
  const left = there.filter((name) => !name.startsWith("catalog.sqlite-") && !layout.includes(`<root>/${name}`));
  expect(left).toEqual([]);
});
