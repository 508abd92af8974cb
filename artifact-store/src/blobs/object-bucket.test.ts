import { once } from "node:events";
import { open } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { temporaryFolder } from "@waybill/foundation/testing";
import { afterEach, expect, it } from "vitest";
import { release } from "../streams/index.ts";
import { FileBody } from "./file-body.ts";
import type { BlobRequest } from "./index.ts";
import { parseBlobLocation } from "./location.ts";
import { ObjectBucket } from "./object-bucket.ts";
import type { RetryPolicy } from "./retry.ts";
import { S3Reader } from "./s3-reader.ts";

const ended: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0)) await end();
});

type Deed = (answer: ServerResponse, request: IncomingMessage) => void;

/** Over before the first attempt is. */
const soonOver: RetryPolicy = { giveUpAfterMs: 1, firstWaitMs: 1, longestWaitMs: 1 };

/** A server that does with its first, second, … request what a test says; the last one goes for all that follow. */
async function bucketBehind(
  ...does: Deed[]
): Promise<{ readonly bucket: ObjectBucket; readonly requests: BlobRequest[] }> {
  return await bucketTried(soonOver, ...does);
}

async function bucketTried(
  retry: RetryPolicy,
  ...does: Deed[]
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
    // Short where nobody answers: elsewhere a busy machine would be taken for silence.
    idleTimeoutMs: does.includes(silent) ? 1_000 : 30_000,
    retry,
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

it.each([
  [503, "SlowDown"],
  [503, "ServiceUnavailable"],
  [429, "TooManyRequests"],
  [500, "InternalError"],
])(
  "a %i %s that says Retry-After is waited for, and no longer than a third of the time there is",
  async (status, code) => {
    const at: number[] = [];
    const refuse =
      (retryAfter: string): Deed =>
      (answer) => {
        at.push(performance.now());
        answer.writeHead(status, { "content-type": "application/xml", "retry-after": retryAfter });
        answer.end(`<?xml version="1.0"?><Error><Code>${code}</Code></Error>`);
      };
    const policy = { giveUpAfterMs: 60_000, firstWaitMs: 1, longestWaitMs: 1 };
    const { bucket } = await bucketTried(policy, refuse("1"), (answer) => {
      at.push(performance.now());
      answer.end();
    });
    expect(await bucket.put("key", body)).toBe(true);
    // A timer may be a moment early, never more.
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThan(990);
    // A day would be out of all proportion: this ends all the same.
    const patient = await bucketTried({ ...policy, giveUpAfterMs: 300 }, refuse("86400"));
    await expect(patient.bucket.put("key", body)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(patient.requests.length).toBeGreaterThan(1);
  },
);

it("a 503 of a proxy that is no answer of S3 at all is waited for in the same way", async () => {
  const { bucket, requests } = await bucketTried(
    { ...soonOver, giveUpAfterMs: 60_000 },
    (answer) => answer.writeHead(503, { "content-type": "text/html", "retry-after": "1" }).end("<html>busy</html>"),
    (answer) => answer.end(),
  );
  const startedAt = performance.now();
  expect(await bucket.put("key", body)).toBe(true);
  expect(performance.now() - startedAt).toBeGreaterThan(990);
  expect(requests.map(({ outcome }) => outcome)).toEqual(["throttled", "ok"]);
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

const MiB = 1024 * 1024;

/** The most memory that buffers had at any of the moments that `look` was called, beyond what they have now. */
function watchBuffers() {
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  return {
    look: (): void => void (most = Math.max(most, process.memoryUsage().arrayBuffers - before)),
    mebibytes: () => most / MiB,
  };
}

it("a large object flows past in either direction, and its buffers are not left to the garbage collector", async () => {
  const chunk = Buffer.alloc(MiB);
  const memory = watchBuffers();
  const { bucket } = await bucketBehind(
    (answer) => {
      answer.writeHead(200, { "content-length": String(128 * MiB) });
      let sent = 0;
      const more = (): void => void (sent++ < 128 ? answer.write(chunk, more) : answer.end());
      more();
    },
    (answer, request) => {
      request.on("data", (bytes: Uint8Array) => {
        memory.look();
        release(bytes);
      });
      request.on("end", () => answer.writeHead(200, { etag: "x" }).end());
    },
  );
  const reader = new S3Reader(bucket, "key", (await bucket.get("key"))!);
  let got = 0;
  const destination = new Writable({
    write(bytes: Uint8Array, _encoding, done) {
      got += bytes.byteLength;
      memory.look();
      setImmediate(done);
    },
  });
  await reader.copyTo(destination);
  expect(got).toBe(128 * MiB);
  expect(memory.mebibytes()).toBeLessThan(12);

  await using folder = await temporaryFolder("waybill-part-");
  const file = await open(join(folder.path, "part"), "wx+");
  ended.push(() => file.close());
  await file.truncate(128 * MiB);
  const part = { size: 128 * MiB, open: () => new FileBody(file, 128 * MiB) };
  expect(await bucket.putPart("key", "upload", 1, part)).toBe("x");
  expect(memory.mebibytes()).toBeLessThan(12);
});
