import { randomBytes } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";
import { parseRepositoryName } from "../names/index.ts";
import { bucketPlace, lacksCeph } from "../testing/index.ts";
import { openStore } from "./index.ts";

const home = parseRepositoryName("acme/counted");
const MiB = 1024 * 1024;

describe.skipIf(lacksCeph())("requests to S3", () => {
  it("are as few as docs/s3.md says: one for a small push, one for a pull, none for a question, no list at all", async () => {
    await using place = await bucketPlace();
    const asked: string[] = [];
    const open = () =>
      openStore({
        ...place.options,
        limits: { collectEveryMs: 0 },
        // What a gateway on a slow machine left without an answer is asked for once more.
        onBlobRequest: ({ operation, outcome }) => {
          if (outcome !== "unreachable") asked.push(operation);
        },
      });
    const during = async (work: () => Promise<unknown>): Promise<Record<string, number>> => {
      asked.length = 0;
      await work();
      return Object.fromEntries([...new Set(asked)].map((name) => [name, asked.filter((one) => one === name).length]));
    };
    const source = (bytes: Uint8Array) => ({ chunks: new Blob([Uint8Array.from(bytes)]).stream() });
    await (await open()).close();
    let store = await open();
    const seen: Record<string, Record<string, number>> = {};
    const [small, large] = [randomBytes(20_000), randomBytes(20 * MiB)];
    seen["start"] = await during(async () => {
      await store.close();
      store = await open();
    });
    seen["push 20 kB, one request"] = await during(() => store.blobs.put(home, source(small), digestOf(small)));
    seen["push 20 MiB, one request"] = await during(() => store.blobs.put(home, source(large), digestOf(large)));
    seen["push 20 kB, POST PATCH PUT"] = await during(async () => {
      const { id } = await store.uploads.start(home);
      await store.uploads.append(home, id, source(small.subarray(1)));
      await store.uploads.finish(home, id, digestOf(small.subarray(1)));
    });
    seen["push 20 MiB, POST PATCH PUT"] = await during(async () => {
      const { id } = await store.uploads.start(home);
      await store.uploads.append(home, id, source(large.subarray(1)));
      await store.uploads.finish(home, id, digestOf(large.subarray(1)));
    });
    seen["pull 20 MiB"] = await during(async () =>
      buffer((await store.blobs.open(home, digestOf(large))).reader.stream()),
    );
    const pullSmall = async () => buffer((await store.blobs.open(home, digestOf(small))).reader.stream());
    seen["pull 20 kB, three at once"] = await during(() => Promise.all([pullSmall(), pullSmall(), pullSmall()]));
    seen["pull 20 kB again"] = await during(pullSmall);
    seen["HEAD"] = await during(() => store.blobs.stat(home, digestOf(large)));
    await store.close();
    process.stdout.write(`${JSON.stringify(seen)}\n`);
    expect(seen).toEqual({
      start: { PutObject: 2, GetObject: 1 },
      "push 20 kB, one request": { PutObject: 1 },
      "push 20 MiB, one request": {
        PutObject: 1,
        CreateMultipartUpload: 1,
        UploadPart: 3,
        CompleteMultipartUpload: 1,
        HeadObject: 1,
        DeleteObject: 1,
      },
      "push 20 kB, POST PATCH PUT": { PutObject: 2, DeleteObject: 1 },
      "push 20 MiB, POST PATCH PUT": {
        PutObject: 2,
        CreateMultipartUpload: 1,
        UploadPart: 3,
        CompleteMultipartUpload: 1,
        HeadObject: 1,
        DeleteObject: 1,
      },
      "pull 20 MiB": { GetObject: 1 },
      "pull 20 kB, three at once": { GetObject: 1 },
      "pull 20 kB again": {},
      HEAD: {},
    });
  });
});
