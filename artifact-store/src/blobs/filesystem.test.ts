import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeBlobBackend } from "./contract.suite.ts";
import { openFilesystemBackend, resolveRange, type BlobBackend } from "./index.ts";

describeBlobBackend("a folder", async () => {
  const root = await mkdtemp(join(tmpdir(), "waybill-blobs-"));
  const opened: BlobBackend[] = [];
  const open = async (): Promise<BlobBackend> => {
    const backend = await openFilesystemBackend(root);
    opened.push(backend);
    return backend;
  };
  return {
    backend: await open(),
    again: open,
    end: async () => {
      for (const backend of opened) await backend.close();
      await rm(root, { recursive: true });
    },
  };
});

describe("opening a folder", () => {
  it("leaves no probe behind", async () => {
    const root = await mkdtemp(join(tmpdir(), "waybill-blobs-"));
    const backend = await openFilesystemBackend(root);
    await backend.check();
    await backend.close();
    expect(await readdir(join(root, "uploads"))).toEqual([]);
    expect((await readdir(join(root, "blobs"))).toSorted()).toEqual(["sha256", "sha512"]);
    await rm(root, { recursive: true });
  });
});

describe("ranges", () => {
  it("are the bytes that a slice would give, or none", () => {
    const request = fc.oneof(
      fc.record({ start: fc.nat(60) }),
      fc.record({ start: fc.nat(60), end: fc.nat(60) }),
      fc.record({ suffix: fc.nat(60) }),
    );
    fc.assert(
      fc.property(request, fc.nat(40), (asked, size) => {
        const all = Array.from({ length: size }, (_, index) => index);
        const expected =
          "suffix" in asked
            ? all.filter((index) => index >= size - asked.suffix)
            : all.filter((index) => index >= asked.start && index <= ("end" in asked ? asked.end : size));
        const range = resolveRange(asked, size);
        expect(range === undefined ? [] : all.slice(range.start, range.end + 1)).toEqual(expected);
      }),
    );
  });
});
