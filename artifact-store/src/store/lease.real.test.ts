import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { temporaryFolder, testDatabaseUrl } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { blobOfSize, cephBucket, lacksCeph, registryClient, startStoreServer } from "../testing/index.ts";
import { parseRepositoryName } from "../names/index.ts";
import { openStore } from "./index.ts";

const home = parseRepositoryName("acme/leased");
const lease = { beatMs: 100, silenceMs: 5000 };

describe.skipIf(lacksCeph())("a store with its catalog on PostgreSQL and its blobs in a bucket", () => {
  it("belongs to one process: a second one is refused while the first shows itself, succeeds it when it is silent, and the first one changes nothing when it wakes up", async () => {
    await using folder = await temporaryFolder("waybill-lease-");
    const database = await testDatabaseUrl("postgres");
    const ceph = await cephBucket();
    const options = { blobs: ceph.url(), credentials: ceph, database: database.url, lease };
    await using first = await startStoreServer(join(folder.path, "a"), {}, options);
    const client = registryClient(first.url);
    const kept = blobOfSize(50_000);
    expect((await client.pushWhole(home, kept)).status).toBe(201);
    await expect(openStore({ ...options, root: join(folder.path, "b") })).rejects.toThrow("in use by another process");

    process.kill(first.pid, "SIGSTOP");
    const second = await openStore({ ...options, root: join(folder.path, "b") });
    const bytes = randomBytes(1000);
    const { digest } = await second.blobs.put(home, { chunks: new Blob([Uint8Array.from(bytes)]).stream() });
    process.kill(first.pid, "SIGCONT");
    // Whatever it had in mind, it is told; and it says so itself, that somebody may end it.
    const late = await client.pushAtOnce(home, blobOfSize(1000));
    expect([late.status, late.headers["retry-after"]]).toEqual([503, expect.stringMatching(/^\d+$/)]);
    expect(late.body.toString()).toContain("another process has taken this store over");
    const gone = await client.send("DELETE", `/v2/${home}/blobs/${kept.digest}`);
    expect(gone.status).toBe(503);
    client.close();
    await first.kill();

    expect((await second.blobs.stat(home, kept.digest)).size).toBe(50_000);
    expect((await second.blobs.open(home, digest)).size).toBe(1000);
    expect((await second.collection.audit()).findings.filter(({ kind }) => kind !== "unnamed")).toEqual([]);
    await second.close();
    // Given back, not lost: the next one need not wait, nor be of the same folder.
    const third = await openStore({
      ...options,
      root: join(folder.path, "c"),
      lease: { beatMs: 100, silenceMs: 3_600_000 },
    });
    expect((await third.blobs.stat(home, digest)).size).toBe(1000);
    await third.close();
    await database.drop();
  });
});
