import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { temporaryFolder } from "@waybill/foundation/testing";
import { expect, it } from "vitest";
import type { Digest } from "../digest/index.ts";
import { parseRepositoryName } from "../names/index.ts";
import { openStore } from "../store/index.ts";
import { folderPlace } from "../testing/index.ts";

const home = parseRepositoryName("acme/moved");

it("verifies each copy: what is missing or altered in the old place is told, and never copied", async () => {
  await using place = await folderPlace();
  await using target = await temporaryFolder("waybill-target-");
  const limits = { collectEveryMs: 0 };
  const before = await openStore({ ...place.options, limits });
  const put = async (text: string): Promise<Digest> =>
    (await before.blobs.put(home, { chunks: new Blob([text]).stream() })).digest;
  const [sound, altered, missing] = [await put("sound"), await put("altered"), await put("missing")];
  await before.close();
  await place.tamper(altered, Buffer.from("ALTERED"));
  await place.tamper(missing, undefined);

  const options = { root: place.options.root, blobs: `file://${target.path}`, blobsFrom: place.options.blobs, limits };
  await using ended = new AsyncDisposableStack();
  const store = await openStore(options);
  ended.defer(() => store.close());
  const result = await store.relocation?.run();
  expect(result).toMatchObject({ copied: 1, bytesCopied: 5, present: 0 });
  const told = new Map(result?.damaged.map(({ digest, detail }) => [digest, detail]));
  expect([...told.keys()].toSorted()).toEqual([altered, missing].toSorted());
  expect(told.get(altered)).toContain("its bytes have the digest");
  expect(told.get(missing)).toContain("there are no bytes of it in the old place");
  const files = await readdir(join(target.path, "blobs"), { recursive: true, withFileTypes: true });
  expect(files.flatMap((file) => (file.isFile() ? [`sha256:${file.name}`] : []))).toEqual([sound]);
  expect((await buffer((await store.blobs.open(home, sound)).reader.stream())).toString()).toBe("sound");
});
