import { constants, createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { once } from "node:events";
import { createConnection } from "node:net";
import { rm, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { connectHttp2, type HeaderField, type Http2Connection } from "./index.ts";

const post: HeaderField[] = [
  [":method", "POST"],
  [":scheme", "http"],
  [":authority", "peer"],
  [":path", "/"],
];

let folder: string;
let closing: (() => Promise<void> | void)[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "waybill-http2-"));
  closing = [];
});
afterEach(async () => {
  for (const close of closing.toReversed()) await close();
  await rm(folder, { recursive: true, force: true });
});

/** Node's own server, as a peer that others wrote. */
async function peer(
  answer: (stream: ServerHttp2Stream, headers: Record<string, unknown>) => void,
  settings: Parameters<typeof createServer>[0] = {},
): Promise<{ server: Http2Server; connect: () => Http2Connection; lost: () => number }> {
  const server = createServer(settings);
  const sessions = new Set<{ destroy(): void }>();
  let lost = 0;
  server.on("session", (session) => sessions.add(session));
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    answer(stream, headers);
  });
  const path = join(folder, `${closing.length}.sock`);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  closing.push(async () => {
    for (const session of sessions) session.destroy();
    server.close();
    await once(server, "close");
  });
  return {
    server,
    lost: () => lost,
    connect() {
      const connection = connectHttp2(createConnection({ path }), { ready: () => undefined, lost: () => (lost += 1) });
      closing.push(() => connection.destroy());
      return connection;
    },
  };
}

interface Heard {
  readonly heads: readonly ReadonlyMap<string, string>[];
  readonly body: Buffer;
}

function ask(connection: Http2Connection, body: Uint8Array, fields: readonly HeaderField[] = []): Promise<Heard> {
  return new Promise((resolve, reject) => {
    const heads: ReadonlyMap<string, string>[] = [];
    const parts: Buffer[] = [];
    connection.request([...post, ...fields], body, {
      fields: (found) => heads.push(found),
      data: (part) => parts.push(part),
      end: (error) => (error === undefined ? resolve({ heads, body: Buffer.concat(parts) }) : reject(error)),
    });
  });
}

/** Sends back what it got, with as many trailers as bytes: what came is whole and in order. */
function echo(stream: ServerHttp2Stream, paddingOfHead: string): void {
  stream.respond({ ":status": 200, "x-padding": paddingOfHead }, { waitForTrailers: true });
  let bytes = 0;
  stream.on("data", (part: Buffer) => (bytes += part.byteLength));
  stream.once("wantTrailers", () => stream.sendTrailers({ "x-bytes": String(bytes) }));
  stream.pipe(stream);
}

const letters = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7 + (index >> 8)) & 255));

describe("with Node's server as the peer", () => {
  it("requests of any size come back whole, whatever windows, frame sizes, padding and limits of streams the peer sets", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          sizes: fc.array(fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 200_000 })), {
            minLength: 1,
            maxLength: 8,
          }),
          initialWindowSize: fc.constantFrom(16, 100, 65_535, 1_000_000),
          maxFrameSize: fc.constantFrom(16_384, 100_000),
          maxConcurrentStreams: fc.constantFrom(1, 3, 100),
          paddingStrategy: fc.constantFrom(constants.PADDING_STRATEGY_NONE, constants.PADDING_STRATEGY_MAX),
          head: fc.integer({ min: 1, max: 30_000 }),
        }),
        async ({ sizes, head, paddingStrategy, ...settings }) => {
          // One byte a frame is slow on both sides.
          const small = settings.initialWindowSize < 1_000;
          const bodies = sizes.map((size) =>
            letters.subarray(size % 1_000, (size % 1_000) + (small ? size % 3_000 : size)),
          );
          const { connect } = await peer((stream) => echo(stream, "p".repeat(head)), { settings, paddingStrategy });
          const connection = connect();
          const answers = await Promise.all(bodies.map((body) => ask(connection, body)));
          connection.destroy();
          for (const [index, { heads, body }] of answers.entries()) {
            expect(body.equals(bodies[index] ?? letters)).toBe(true);
            expect(heads.map((fields) => fields.get("x-padding")?.length)).toEqual([head, undefined]);
            expect(heads[1]?.get("x-bytes")).toBe(String(body.byteLength));
          }
        },
      ),
      { numRuns: 25 },
    );
  }, 120_000);

  it("a window of one byte is enough", async () => {
    const { connect } = await peer((stream) => echo(stream, "x"), { settings: { initialWindowSize: 1 } });
    const body = letters.subarray(0, 300);
    expect((await ask(connect(), body)).body.equals(body)).toBe(true);
  });

  it("a window that is made smaller and larger under way delays, and loses nothing", async () => {
    const { connect } = await peer((stream) => {
      stream.session?.settings({ initialWindowSize: 10 }, () => {
        stream.session?.settings({ initialWindowSize: 100_000 }, () => echo(stream, "x"));
      });
    });
    expect((await ask(connect(), letters)).body.equals(letters)).toBe(true);
  });

  it("answers larger than every window of ours come whole", async () => {
    const large = Buffer.concat(Array.from({ length: 40 }, () => letters));
    const { connect } = await peer((stream) => {
      stream.respond({ ":status": 200 });
      stream.end(large);
    });
    const { body } = await ask(connect(), Buffer.from("?"));
    expect(body.equals(large)).toBe(true);
  });

  it("every character that a header may hold arrives, both ways", async () => {
    const characters = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join("");
    const high = Array.from({ length: 128 }, (_, index) => String.fromCharCode(128 + index)).join("");
    let seen: unknown;
    const { connect } = await peer((stream, headers) => {
      seen = headers["x-all"];
      stream.respond({
        ":status": 200,
        "x-all": `a ${characters}`,
        "x-high": high,
        "content-type": "application/grpc",
      });
      stream.end();
    });
    const { heads } = await ask(connect(), Buffer.from("?"), [["x-all", `${characters} z`]]);
    expect(seen).toBe(`${characters} z`);
    expect(heads[0]?.get("x-all")).toBe(`a ${characters}`);
    // Node writes latin1 headers as they are.
    expect(heads[0]?.get("x-high")).toBe(high);
    expect(heads[0]?.get("content-type")).toBe("application/grpc");
  });

  it("an interim response is no answer", async () => {
    const { connect } = await peer((stream) => {
      stream.additionalHeaders({ ":status": 103, link: "</a>" });
      stream.respond({ ":status": 204 }, { endStream: true });
    });
    const { heads } = await ask(connect(), Buffer.from("?"));
    expect(heads.map((fields) => fields.get(":status"))).toEqual(["204"]);
  });

  it("a request that is given up is reset at the peer, and the others go on", async () => {
    const codes: number[] = [];
    const { connect } = await peer((stream, headers) => {
      if (headers["x-hang"] === undefined) return echo(stream, "x");
      stream.on("close", () => codes.push(stream.rstCode));
      stream.respond({ ":status": 200 });
    });
    const connection = connect();
    const heard: string[] = [];
    const hanging = connection.request([...post, ["x-hang", "1"]], Buffer.from("?"), {
      fields: () => hanging.cancel(),
      data: () => heard.push("data"),
      end: () => heard.push("end"),
    });
    await vi.waitFor(() => expect(codes).toEqual([constants.NGHTTP2_CANCEL]), 20_000);
    expect((await ask(connection, Buffer.from("still"))).body.toString()).toBe("still");
    expect(heard).toEqual([]);
  });

  it("a peer that goes away finishes what it took, and gets nothing new", async () => {
    const waiting: ServerHttp2Stream[] = [];
    const { connect, lost } = await peer((stream) => {
      waiting.push(stream);
      stream.session?.close();
    });
    const connection = connect();
    const answer = ask(connection, Buffer.from("last"));
    await vi.waitFor(() => expect(lost()).toBe(1), 20_000);
    expect(() => connection.request(post, Buffer.from("?"), { fields() {}, data() {}, end() {} })).toThrow(/no more/);
    for (const stream of waiting) echo(stream, "x");
    expect((await answer).body.toString()).toBe("last");
  });

  it("a reset of the peer's is told with its name", async () => {
    const { connect } = await peer((stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM));
    await expect(ask(connect(), Buffer.from("?"))).rejects.toThrow(/REFUSED_STREAM/);
  });

  it("pings are answered", async () => {
    const { connect, server } = await peer((stream) => echo(stream, "x"));
    const answered = new Promise((resolve, reject) => {
      server.once("session", (session) =>
        session.ping(Buffer.from("12345678"), (error, _, payload) =>
          error === null ? resolve(payload.toString()) : reject(error),
        ),
      );
    });
    connect();
    expect(await answered).toBe("12345678");
  });

  it("header fields that could begin another one are never sent", async () => {
    const { connect } = await peer((stream) => echo(stream, "x"));
    const connection = connect();
    const nobody = { fields() {}, data() {}, end() {} };
    for (const field of [
      ["a", "b\r\nc: d"],
      ["A", "b"],
      ["a b", "c"],
      ["a", "ü"],
      ["a", " b"],
    ] as const) {
      expect(() => connection.request([...post, field], Buffer.from("?"), nobody)).toThrow(TypeError);
    }
    expect((await ask(connection, Buffer.from("fine"))).body.toString()).toBe("fine");
  });
});
