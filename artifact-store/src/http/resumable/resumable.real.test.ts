import { once } from "node:events";
import { createServer, connect, type AddressInfo, type Socket } from "node:net";
import { randomBytes, randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { temporaryFolder } from "@waybill/foundation/testing";
import { Upload, type UploadOptions } from "tus-js-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../../digest/index.ts";
import { startStoreServer } from "../../testing/index.ts";

const creation = "/api/v1/repositories/acme/app/uploads";

/** One address for a server that dies and comes back elsewhere. */
async function steadyAddress(): Promise<{
  readonly url: string;
  pointTo(url: string | undefined): void;
  close(): Promise<void>;
}> {
  let target: URL | undefined;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    if (target === undefined) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from
        .on("error", () => undefined)
        .on("close", () => {
          sockets.delete(from);
          to.destroy();
        });
      from.pipe(to);
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    pointTo: (url) => void (target = url === undefined ? undefined : new URL(url)),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** Uploads with tus-js-client, and answers where the upload is. */
function uploadWith(url: string, bytes: Buffer, options: Partial<UploadOptions>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const upload = new Upload(bytes, {
    endpoint: `${url}${creation}`,
    retryDelays: [0, 100, 500, 1000, 2000, 4000, 8000],
    onError: reject,
    onSuccess: () => resolve(upload.url ?? ""),
    ...options,
  });
  upload.start();
  return promise;
}

async function digestAt(url: string): Promise<string | null> {
  const response = await fetch(url, { method: "HEAD", headers: { "tus-resumable": "1.0.0" } });
  return response.headers.get("docker-content-digest");
}

describe("tus-js-client", () => {
  const folder = temporaryFolder("waybill-tus-");
  let server: Awaited<ReturnType<typeof startStoreServer>>;
  beforeAll(async () => {
    server = await startStoreServer((await folder).path);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await (await folder)[Symbol.asyncDispose]();
  });
  const bytes = randomBytes(12_000_000);
  const digest = digestOf(bytes);

  it("uploads in chunks, with metadata", async () => {
    const url = await uploadWith(server.url, bytes, { chunkSize: 1_000_000, metadata: { filename: "a.bin", digest } });
    expect(await digestAt(url)).toBe(digest);
  });

  it("uploads parts side by side, and has them joined", async () => {
    const url = await uploadWith(server.url, bytes, { parallelUploads: 4 });
    expect(await digestAt(url)).toBe(digest);
  });

  it("with a length that it does not know at first", async () => {
    const url = await uploadWith(server.url, bytes, { uploadLengthDeferred: true, chunkSize: 3_000_000 });
    expect(await digestAt(url)).toBe(digest);
  });

  it("sends its data with the creation", async () => {
    const url = await uploadWith(server.url, bytes, { uploadDataDuringCreation: true });
    expect(await digestAt(url)).toBe(digest);
  });
});

describe("an upload in mid-flight", () => {
  it("goes on after kill -9 of the server, again and again, and no byte that was told is taken back", async () => {
    await using folder = await temporaryFolder("waybill-tus-kill-");
    const address = await steadyAddress();
    const bytes = randomBytes(24_000_000);
    let kills = 0;
    const seen = { told: 0, takenBack: 0, done: false };
    let server = await startStoreServer(folder.path);
    try {
      address.pointTo(server.url);
      const upload = uploadWith(address.url, bytes, {
        chunkSize: 1_000_000,
        retryDelays: Array.from({ length: 600 }, () => 200),
        onChunkComplete: (_, accepted) => (seen.told = Math.max(seen.told, accepted)),
        onAfterResponse: (request, response) => {
          const offset = Number(response.getHeader("upload-offset") ?? Number.NaN);
          if (request.getMethod() === "HEAD" && offset < seen.told) seen.takenBack++;
        },
        onShouldRetry: () => true,
      }).finally(() => (seen.done = true));
      upload.catch(() => undefined); // met below
      for (let next = 2_000_000; !seen.done && next < bytes.byteLength; next += randomInt(1_500_000, 3_000_000)) {
        while (!seen.done && seen.told < next) await sleep(2);
        if (seen.done) break;
        address.pointTo(undefined);
        await server.kill();
        kills++;
        server = await startStoreServer(folder.path);
        address.pointTo(server.url);
      }
      const url = await upload;
      expect(kills).toBeGreaterThan(4);
      expect(seen.takenBack).toBe(0);
      expect(await digestAt(url)).toBe(digestOf(bytes));
      const blob = await fetch(`${server.url}/v2/acme/app/blobs/${digestOf(bytes)}`);
      expect(Buffer.from(await blob.arrayBuffer()).equals(bytes)).toBe(true);
    } finally {
      await server.kill();
      await address.close();
    }
  });
});
