import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "vitest";
import { cephBucket, lacksCeph } from "../testing/index.ts";
import { describeBlobBackend } from "./contract.suite.ts";
import { parseBlobLocation, withCache, withLimit, type BlobBackend } from "./index.ts";
import { openS3Backend } from "./s3.ts";

/** A bucket of its own for each test; every restart opens it anew. */
function onCeph(name: string, wrap: (backend: BlobBackend) => BlobBackend): void {
  describeBlobBackend(name, async () => {
    const spools = await mkdtemp(join(tmpdir(), "waybill-spools-"));
    const bucket = await cephBucket();
    const location = parseBlobLocation(bucket.url());
    if (location.kind !== "s3") throw new Error("no bucket");
    const opened: BlobBackend[] = [];
    const open = async (): Promise<BlobBackend> => {
      const backend = wrap(await openS3Backend(location, { spools, credentials: bucket }));
      opened.push(backend);
      return backend;
    };
    return {
      backend: await open(),
      again: open,
      end: async () => {
        for (const backend of opened) await backend.close();
        await rm(spools, { recursive: true });
      },
    };
  });
}

describe.skipIf(lacksCeph())("Ceph RGW", () => {
  onCeph("a bucket", (backend) => backend);
  // As openStore does, with so little of both that they matter.
  onCeph("a bucket behind a limit and a cache", (backend) =>
    withCache(withLimit(backend, 2), { bytes: 2_000_000, blobBytes: 700_000 }),
  );
});
