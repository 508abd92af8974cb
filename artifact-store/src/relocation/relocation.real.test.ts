import { join } from "node:path";
import { temporaryFolder } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { openStore } from "../store/index.ts";
import { cephBucket, lacksCeph } from "../testing/index.ts";
import { describeMoveKills } from "./relocation.suite.ts";

describe.skipIf(lacksCeph())("moving the blobs of a store that serves", () => {
  describeMoveKills(8);

  it("refuses another store's bucket, a store that another process has, and a place that is not its own", async () => {
    await using folder = await temporaryFolder("waybill-relocation-");
    const ceph = await cephBucket();
    const at = (name: string): string => join(folder.path, name);
    const s3 = { blobs: ceph.url(), credentials: ceph };
    const store = await openStore({ root: at("a"), database: at("catalog.sqlite"), ...s3 });
    const lease = { beatMs: 50, silenceMs: 20_000 };
    await expect(openStore({ root: at("b"), ...s3 })).rejects.toThrow("do not belong together");
    await expect(openStore({ root: at("c"), database: at("catalog.sqlite"), ...s3, lease })).rejects.toThrow(
      "in use by another process",
    );
    await store.close();
    const again = await openStore({ root: at("c"), database: at("catalog.sqlite"), ...s3 });
    await again.close();
    const wrong = { ...ceph, secretAccessKey: "wrong" };
    await expect(openStore({ root: at("d"), blobs: ceph.url(), credentials: wrong })).rejects.toThrow("credentials");
    const elsewhere = ceph.url().replace(ceph.bucket, "no-such-bucket");
    await expect(openStore({ root: at("e"), blobs: elsewhere, credentials: ceph })).rejects.toThrow("no bucket");
    await expect(
      openStore({ root: at("f"), blobs: at("g"), blobsFrom: ceph.url(), credentials: ceph }),
    ).rejects.toThrow("is not where this store has its blobs");
  });
});
