import { createHash, randomBytes } from "node:crypto";
import { Agent, request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Digest } from "../digest/index.ts";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A blob that is made while it is sent: only its seed is kept. */
export interface PushableBlob {
  readonly digest: Digest;
  readonly size: number;
  bytes(): Generator<Uint8Array>;
}

const noise = randomBytes(64 * 1024);

/** Its own 8 bytes first, then noise that all share: different digests, next to no memory. */
export function blobOfSize(size: number): PushableBlob {
  const own = randomBytes(Math.min(8, size));
  function* bytes(): Generator<Uint8Array> {
    yield own;
    for (let left = size - own.length; left > 0; left -= noise.length)
      yield noise.subarray(0, Math.min(left, noise.length));
  }
  const hash = createHash("sha256");
  for (const chunk of bytes()) hash.update(chunk);
  return { digest: `sha256:${hash.digest("hex")}` as Digest, size, bytes };
}

/** Plain HTTP without a client's cleverness: every request is made as it is written here. */
export function registryClient(url: string) {
  const agent = new Agent({ keepAlive: true });
  let stopped = false;

  async function send(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders = {},
    body?: Iterable<Uint8Array>,
  ): Promise<Answer> {
    if (stopped) throw new Error("this client sends nothing more");
    return await new Promise((resolve, reject) => {
      const outgoing = request(new URL(path, url), { method, headers, agent }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("error", reject);
        incoming.on("end", () =>
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) }),
        );
      });
      outgoing.on("error", reject);
      if (body === undefined) outgoing.end();
      else pipeline(Readable.from(body), outgoing).catch(reject);
    });
  }

  async function start(repository: string): Promise<string> {
    const { status, headers } = await send("POST", `/v2/${repository}/blobs/uploads/`, { "content-length": 0 });
    if (status !== 202) throw new Error(`POST answered ${status}`);
    return headers.location ?? "";
  }

  return {
    send,
    start,
    /** As skopeo and containerd do: POST, one PATCH of unknown length, PUT. Answers the PUT. */
    pushStreamed: async (repository: string, blob: PushableBlob): Promise<Answer> => {
      const location = await start(repository);
      const patched = await send("PATCH", location, { "transfer-encoding": "chunked" }, blob.bytes());
      if (patched.status !== 202) return patched;
      return await send("PUT", `${location}?digest=${blob.digest}`, { "content-length": 0 });
    },
    /** POST, then PUT with everything. */
    pushWhole: async (repository: string, blob: PushableBlob): Promise<Answer> => {
      const location = await start(repository);
      return await send("PUT", `${location}?digest=${blob.digest}`, { "content-length": blob.size }, blob.bytes());
    },
    /** One POST with everything. */
    pushAtOnce: async (repository: string, blob: PushableBlob): Promise<Answer> => {
      const path = `/v2/${repository}/blobs/uploads/?digest=${blob.digest}`;
      return await send("POST", path, { "content-length": blob.size }, blob.bytes());
    },
    /**
     * Sends no further request; those under way end as they will. For a server that dies: somebody else may get its port,
     * and answer in its place.
     */
    stop: () => {
      stopped = true;
    },
    close: () => agent.destroy(),
  };
}

export type RegistryClient = ReturnType<typeof registryClient>;
