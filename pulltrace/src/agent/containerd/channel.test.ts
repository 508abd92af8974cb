import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { create, toBinary } from "@bufbuild/protobuf";
import { openChannel } from "./channel.ts";
import { containerdClient } from "./client.ts";
import { encodeFrame, FrameReader } from "./frames.ts";
import { ListContentResponseSchema } from "./generated/containerd/content_pb.ts";
import { ListNamespacesResponseSchema } from "./generated/containerd/namespaces_pb.ts";
import { GrpcError, grpcCode } from "./grpc-error.ts";

let folder: string;
let server: Http2Server | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "waybill-grpc-"));
});
afterEach(async () => {
  await stop();
  await rm(folder, { recursive: true, force: true });
});

/** A server that speaks gRPC as `answer` says, on the socket of this test. */
async function serve(answer: (stream: ServerHttp2Stream, headers: Record<string, unknown>) => void): Promise<string> {
  const path = join(folder, "containerd.sock");
  const made = createServer();
  made.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    answer(stream, headers);
  });
  server = made;
  await new Promise<void>((resolve) => made.listen(path, resolve));
  return path;
}

async function stop(): Promise<void> {
  const made = server;
  server = undefined;
  if (made === undefined) return;
  made.close();
  for (const one of sessions.splice(0)) one.destroy();
}
const sessions: { destroy(): void }[] = [];

function reply(
  stream: ServerHttp2Stream,
  messages: readonly Uint8Array[],
  trailers: Record<string, string> = { "grpc-status": "0" },
): void {
  if (stream.session !== undefined) sessions.push(stream.session);
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.once("wantTrailers", () => stream.sendTrailers(trailers));
  for (const message of messages) stream.write(message);
  stream.end();
}

const namespaces = (...names: string[]) =>
  encodeFrame(
    toBinary(
      ListNamespacesResponseSchema,
      create(ListNamespacesResponseSchema, { namespaces: names.map((name) => ({ name })) }),
    ),
  );

describe("frames", () => {
  it("come out whole and in order however the bytes were cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 40 }),
        (messages, cut) => {
          const bytes = Buffer.concat(messages.map((message) => encodeFrame(message)));
          const reader = new FrameReader(1024);
          const found: Uint8Array[] = [];
          for (let at = 0; at < bytes.length; at += cut) found.push(...reader.push(bytes.subarray(at, at + cut)));
          expect(found.map((one) => Buffer.from(one).toString("hex"))).toEqual(
            messages.map((one) => Buffer.from(one).toString("hex")),
          );
          expect(reader.empty).toBe(true);
        },
      ),
    );
  });

  it("beyond the limit are refused before they are taken in", () => {
    expect(() => new FrameReader(10).push(Uint8Array.of(0, 0, 0, 0, 11))).toThrow(/limit is 10/);
  });

  it("that are compressed are refused", () => {
    expect(() => new FrameReader(10).push(Uint8Array.of(1, 0, 0, 0, 1, 0))).toThrow(/compressed/);
  });
});

describe("a call", () => {
  it("carries method, namespace and deadline as gRPC wants them", async () => {
    let seen: Record<string, unknown> = {};
    const path = await serve((stream, headers) => {
      seen = headers;
      reply(stream, [encodeFrame(toBinary(ListContentResponseSchema, create(ListContentResponseSchema, {})))]);
    });
    const client = containerdClient(openChannel({ socketPath: path }));
    await client.contents("k8s.io", [`sha256:${"a".repeat(64)}`]);
    client.close();
    expect(seen).toMatchObject({
      ":method": "POST",
      ":path": "/containerd.services.content.v1.Content/List",
      "containerd-namespace": "k8s.io",
      "grpc-timeout": "5000m",
      te: "trailers",
    });
  });

  it("gives the messages of a stream in order", async () => {
    const info = (digest: string) => ({
      digest,
      size: 5n,
      labels: { a: "b" },
      createdAt: { seconds: 1n, nanos: 500_000_000 },
    });
    const path = await serve((stream) =>
      reply(
        stream,
        ["one", "two"].map((digest) =>
          encodeFrame(toBinary(ListContentResponseSchema, create(ListContentResponseSchema, { info: [info(digest)] }))),
        ),
      ),
    );
    const client = containerdClient(openChannel({ socketPath: path }));
    const found = await client.contents("default", ["x"]);
    client.close();
    expect(found).toEqual(
      ["one", "two"].map((digest) => ({ digest, size: 5, createdAt: 1500, updatedAt: 0, labels: { a: "b" } })),
    );
  });

  it("that is refused rejects with the code and the words of containerd", async () => {
    const path = await serve((stream) =>
      reply(stream, [], { "grpc-status": "13", "grpc-message": "disk%20full%3A%20%2Fvar" }),
    );
    const client = containerdClient(openChannel({ socketPath: path }));
    await expect(client.namespaces()).rejects.toMatchObject({ code: 13, message: "List: disk full: /var" });
    client.close();
  });

  it("about something that is gone is undefined", async () => {
    const path = await serve((stream) => reply(stream, [], { "grpc-status": "5", "grpc-message": "not found" }));
    const client = containerdClient(openChannel({ socketPath: path }));
    expect(await client.leaseResources("default", "lease")).toBeUndefined();
    client.close();
  });

  it("that is never answered ends at its deadline", async () => {
    const path = await serve((stream) => {
      if (stream.session !== undefined) sessions.push(stream.session);
    });
    const channel = openChannel({ socketPath: path });
    const { Namespaces } = await import("./generated/containerd/namespaces_pb.ts");
    await expect(channel.unary(Namespaces.method.list, {}, { deadlineMs: 50 })).rejects.toMatchObject({
      code: grpcCode.deadlineExceeded,
    });
    channel.close();
  });

  it("whose connection breaks rejects as unavailable", async () => {
    const path = await serve((stream) => stream.session?.destroy());
    const client = containerdClient(openChannel({ socketPath: path }));
    await expect(client.namespaces()).rejects.toMatchObject({ code: grpcCode.unavailable });
    client.close();
  });

  it("fails at once while the socket is away, and works again when it is back, after a pause", async () => {
    let now = 1_000;
    const path = join(folder, "containerd.sock");
    const client = containerdClient(openChannel({ socketPath: path, now: () => now, random: () => 0 }));
    await expect(client.namespaces()).rejects.toBeInstanceOf(GrpcError);
    await serve((stream) => reply(stream, [namespaces("default", "k8s.io")]));
    await expect(client.namespaces()).rejects.toMatchObject({ code: grpcCode.unavailable });
    now += 10_000;
    expect(await client.namespaces()).toEqual(["default", "k8s.io"]);
    client.close();
  });
});
