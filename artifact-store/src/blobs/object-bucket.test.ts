import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { afterEach, expect, it } from "vitest";
import type { BlobRequest } from "./index.ts";
import { parseBlobLocation } from "./location.ts";
import { ObjectBucket } from "./object-bucket.ts";
import { S3Reader } from "./s3-reader.ts";

const ended: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0)) await end();
});

/** A server that does with its first, second, … request what a test says; the last one goes for all that follow. */
async function bucketBehind(
  ...does: ((answer: ServerResponse, request: IncomingMessage) => void)[]
): Promise<{ readonly bucket: ObjectBucket; readonly requests: BlobRequest[] }> {
  let number = 0;
  const server = createServer((request, answer) => {
    request.resume();
    const deed = does[Math.min(number++, does.length - 1)];
    deed?.(answer, request);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const location = parseBlobLocation(`s3://bucket/here?endpoint=http://127.0.0.1:${port}`);
  if (location.kind !== "s3") throw new Error("no bucket");
  const requests: BlobRequest[] = [];
  const bucket = await ObjectBucket.open(location, {
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
    idleTimeoutMs: 300,
    // Over before the first attempt is.
    retry: { giveUpAfterMs: 1, firstWaitMs: 1, longestWaitMs: 1 },
    onRequest: (request) => void requests.push(request),
  });
  ended.push(async () => {
    bucket.close();
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  return { bucket, requests };
}

const silent = (): void => undefined;
const body = { size: 4, open: () => Buffer.from("text") };

it("a request that is not answered is ended and made again, and then it is told that the place does not answer", async () => {
  const back = await bucketBehind(silent, (answer) => answer.end());
  expect(await back.bucket.put("key", body)).toBe(true);
  expect(back.requests.map(({ outcome }) => outcome)).toEqual(["unreachable", "ok"]);
  const gone = await bucketBehind(silent);
  await expect(gone.bucket.put("key", body)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  expect(gone.requests.map(({ outcome }) => outcome)).toEqual(["unreachable", "unreachable"]);
});

it("a body that stops in the middle is gone on with from the next byte", async () => {
  const ranges: (string | undefined)[] = [];
  const { bucket } = await bucketBehind(
    (answer) => answer.writeHead(200, { "content-length": "10" }).write("01234"),
    (answer, { headers }) => {
      ranges.push(headers.range);
      answer.writeHead(206, { "content-length": "5" }).end("56789");
    },
  );
  const whole = await bucket.get("key");
  const reader = new S3Reader(bucket, "key", whole!);
  expect((await buffer(reader.stream())).toString()).toBe("0123456789");
  expect(ranges).toEqual(["bytes=5-9"]);
});
