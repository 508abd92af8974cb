import { randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { finished } from "node:stream/promises";
import { temporaryFolder } from "@waybill/foundation/testing";
import { expect, it } from "vitest";
import { FileBody } from "./file-body.ts";

/** A file of random bytes, more of them than are to be sent. */
async function fileOf(size: number) {
  const folder = await temporaryFolder("waybill-file-body-");
  const bytes = randomBytes(size);
  const file = await open(join(folder.path, "file"), "wx+");
  await file.writeFile(Buffer.concat([bytes, Buffer.from("more")]));
  const end = async (): Promise<void> => {
    await file.close();
    await folder[Symbol.asyncDispose]();
  };
  return { bytes, file, [Symbol.asyncDispose]: end };
}

/** Takes each chunk late, and copies it only then. */
function slowly(into: Buffer[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      setImmediate(() => {
        into.push(Buffer.from(chunk));
        done();
      });
    },
  });
}

it.each([0, 1, 65_535, 65_536, 65_537, 1_000_000])(
  "gives the first %i bytes of a file, read or piped",
  async (size) => {
    await using there = await fileOf(size);
    expect((await buffer(new FileBody(there.file, size))).equals(there.bytes)).toBe(true);
    const got: Buffer[] = [];
    await finished(new FileBody(there.file, size).pipe(slowly(got)));
    expect(Buffer.concat(got).equals(there.bytes)).toBe(true);
  },
);

it("ends what it is piped to with an error when the file has become shorter", async () => {
  await using there = await fileOf(100_000);
  await expect(buffer(new FileBody(there.file, 200_000))).rejects.toThrow("became shorter");
  await expect(finished(new FileBody(there.file, 200_000).pipe(slowly([])))).rejects.toThrow("became shorter");
});
