import { randomBytes, randomUUID } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { openDatabase } from "@waybill/foundation/database";
import { eventLogMigrations } from "@waybill/foundation/eventlog";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { storeMigrations, type StoreTables } from "../catalog/index.ts";
import { digestOf, hexOf, type Digest } from "../digest/index.ts";
import { countedDatabase, openDoor } from "../testing/index.ts";

const database = await openDatabase<StoreTables>({
  url: ":memory:",
  migrations: [storeMigrations, eventLogMigrations],
});
let statements = 0;
const door = await openDoor(
  {},
  { database: countedDatabase(database, () => statements++), limits: { collectEveryMs: 0 } },
);
afterAll(async () => {
  await door.close();
  await database.close();
});

interface Probe {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * How long an answer takes tells as much as its status. Nobody's clock decides here: an answer that is made with the same
 * questions to the catalog and the same bytes on the disk takes as long.
 */
describe("how long an answer takes tells nobody what other tenants have", () => {
  const bytes = randomBytes(300_000);
  const digest = digestOf(bytes);
  const nowhere = digestOf(Buffer.from("nowhere"));
  let manifest: Digest;
  let upload: string;
  let resumable: string;

  beforeAll(async () => {
    const image = await door.imageOf("acme/private");
    manifest = image.digest;
    await door.call("PUT", `/v2/acme/private/manifests/${manifest}?tag=v1`, { body: image.content });
    await door.push("acme/private", bytes, "acme");
    await door.push("globex/app", randomBytes(10), "globex");
    upload = (await door.begin("acme/private")).split("/").at(-1) ?? "";
    const headers = { "tus-resumable": "1.0.0", "upload-length": "5" };
    const created = await door.call("POST", "/api/v1/repositories/acme/private/uploads", { headers });
    resumable = (created.headers.get("location") ?? "").split("/").at(-1) ?? "";
    // Else they are written down a second after they began, in the middle of something that is counted.
    await door.store.uploads.sweep();
  });

  /**
   * Status, and statements: the fewest of some rounds, since what the store does by itself is not in each of them. An upload
   * that began is cancelled, and so never written down.
   */
  async function cost({ method, path, headers = {} }: Probe): Promise<string> {
    let fewest = Number.POSITIVE_INFINITY;
    let status = 0;
    for (let round = 0; round < 3; round++) {
      statements = 0;
      const response = await door.call(method, path, { as: "globex", headers });
      await response.arrayBuffer();
      status = response.status;
      fewest = Math.min(fewest, statements);
      if (status === 202 && method === "POST") {
        await door.call("DELETE", response.headers.get("location") ?? "", { as: "globex" });
      }
    }
    return `${status} after ${fewest} statements`;
  }

  it("reading, deleting, asking for uploads: another tenant's costs what costs what was never there", async () => {
    const probes = (repository: string, blob: Digest, image: string, tag: string, id: string, tus: string): Probe[] => [
      { method: "HEAD", path: `/v2/${repository}/blobs/${blob}` },
      { method: "GET", path: `/v2/${repository}/blobs/${blob}` },
      { method: "DELETE", path: `/v2/${repository}/blobs/${blob}` },
      { method: "HEAD", path: `/v2/${repository}/manifests/${tag}` },
      { method: "GET", path: `/v2/${repository}/manifests/${image}` },
      { method: "DELETE", path: `/v2/${repository}/manifests/${image}` },
      { method: "GET", path: `/v2/${repository}/tags/list` },
      { method: "GET", path: `/v2/${repository}/referrers/${image}` },
      { method: "POST", path: `/v2/${repository}/blobs/uploads/` },
      { method: "GET", path: `/v2/${repository}/blobs/uploads/${id}` },
      { method: "DELETE", path: `/v2/${repository}/blobs/uploads/${id}` },
      { method: "HEAD", path: `/api/v1/repositories/${repository}/uploads/${tus}` },
      {
        method: "HEAD",
        path: `/api/v1/repositories/${repository}/uploads/${tus}`,
        headers: { "tus-resumable": "1.0.0" },
      },
      { method: "DELETE", path: `/api/v1/uploads/${id}` },
      // In the caller's own repository: what only another tenant's shows.
      { method: "HEAD", path: `/v2/globex/app/blobs/${blob}` },
      { method: "GET", path: `/v2/globex/app/manifests/${image}` },
      { method: "GET", path: `/v2/globex/app/blobs/uploads/${id}` },
      { method: "DELETE", path: `/v2/globex/app/blobs/uploads/${id}` },
      { method: "HEAD", path: `/api/v1/repositories/globex/app/uploads/${tus}` },
      { method: "GET", path: `/v2/globex/app/referrers/${image}` },
      { method: "POST", path: `/v2/globex/app/blobs/uploads/?mount=${blob}&from=${repository}` },
      { method: "POST", path: `/v2/globex/app/blobs/uploads/?mount=${blob}` },
    ];
    const theirs = probes("acme/private", digest, manifest, "v1", upload, resumable);
    const nothing = probes("acme/nothing", nowhere, nowhere, "v9", randomUUID(), randomUUID());
    for (const [index, probe] of theirs.entries()) {
      const there = await cost(probe);
      expect(`${probe.method} ${probe.path}: ${there}`).toBe(
        `${probe.method} ${probe.path}: ${await cost(nothing[index]!)}`,
      );
    }
  });

  it("pushing what another tenant has writes every byte anew; the catalog leases a row that is there with one statement more", async () => {
    const pathOf = async (of: Digest): Promise<string> => {
      const names = await readdir(join(door.folder, "blobs"), { recursive: true });
      return join(door.folder, "blobs", names.find((name) => name.endsWith(hexOf(of))) ?? "");
    };
    const before = await stat(await pathOf(digest));
    let known = Number.POSITIVE_INFINITY;
    let unknown = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 5; round++) {
      const theirs = randomBytes(1000);
      await door.push("acme/private", theirs, "acme");
      statements = 0;
      await door.push("globex/app", theirs, "globex");
      known = Math.min(known, statements);
      statements = 0;
      await door.push("globex/app", randomBytes(1000), "globex");
      unknown = Math.min(unknown, statements);
    }
    expect(known - unknown).toBe(1);
    await door.push("globex/app", bytes, "globex");
    const after = await stat(await pathOf(digest));
    expect([after.size, after.ino === before.ino]).toEqual([bytes.length, false]);
  });
});
