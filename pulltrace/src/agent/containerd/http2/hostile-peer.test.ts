import { createServer, createConnection, type Socket } from "node:net";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { errorName, frameFlag, frameType } from "./codes.ts";
import { encodeFrame, encodeSettings, encodeUint32, FrameCutter } from "./frame.ts";
import { connectHttp2, type HeaderField } from "./index.ts";

const post: HeaderField[] = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/"],
];
const settings = (...values: [number, number][]) => encodeFrame(frameType.settings, 0, 0, encodeSettings(values));
const frame = (type: number, flags: number, id: number, hex = "") =>
  encodeFrame(type, flags, id, Buffer.from(hex, "hex"));
const { data, headers, continuation, priority, rstStream, pushPromise, ping, goaway, windowUpdate } = frameType;
const { endHeaders, endStream, padded } = frameFlag;
/** `:status: 200` */
const ok = frame(headers, endHeaders, 1, "88");

let folder: string;
let closing: (() => void)[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "waybill-hostile-"));
  closing = [];
});
afterEach(async () => {
  for (const close of closing) close();
  await rm(folder, { recursive: true, force: true });
});

interface Outcome {
  /** What the one who asked heard, in order. */
  readonly heard: readonly string[];
  /** The code of the GOAWAY that the peer got, if it got one. */
  readonly goaway: number | undefined;
  /** Codes of the streams that were reset. */
  readonly resets: readonly number[];
}

/** Asks a peer that answers its settings and the first request as it likes; ends when the request has ended. */
async function ask(sent: readonly Uint8Array[], first: Uint8Array = settings()): Promise<Outcome> {
  const path = join(folder, `${closing.length}.sock`);
  const server = createServer();
  const got = new FrameCutter(1 << 24);
  let beginning = 24;
  let code: number | undefined;
  const resets: number[] = [];
  server.on("connection", (socket: Socket) => {
    closing.push(() => socket.destroy());
    socket.on("error", () => undefined);
    socket.write(first);
    socket.on("data", (chunk: Buffer) => {
      const skipped = Math.min(beginning, chunk.byteLength);
      beginning -= skipped;
      got.push(chunk.subarray(skipped));
      for (let one = got.next(); one !== undefined; one = got.next()) {
        if (one.type === headers) socket.write(Buffer.concat(sent));
        if (one.type === goaway) code = one.payload.readUInt32BE(4);
        if (one.type === rstStream) resets.push(one.payload.readUInt32BE(0));
      }
    });
  });
  server.listen(path);
  await once(server, "listening");
  const socket = createConnection({ path });
  const heard: string[] = [];
  const connection = connectHttp2(socket, { ready: () => undefined, lost: () => undefined });
  closing.push(
    () => server.close(),
    () => connection.destroy(),
  );
  await new Promise<void>((resolve) => {
    connection.request(post, Buffer.from("?"), {
      fields: (fields) => heard.push([...fields.keys()].join()),
      data: (part) => heard.push(`${part.byteLength} bytes`),
      end(error) {
        heard.push(error === undefined ? "end" : error.message);
        resolve();
      },
    });
  });
  connection.destroy();
  // What the peer was told is there when its side has ended.
  if (!socket.closed) await once(socket, "close");
  const ends = await new Promise<Outcome>((resolve) => {
    const whenClosed = () => resolve({ heard, goaway: code, resets });
    server.close(whenClosed);
  });
  return ends;
}

const outcome = async (...sent: Uint8Array[]) => {
  const { heard, goaway: code, resets } = await ask(sent);
  return { last: heard.at(-1), code, resets };
};

describe("a peer that breaks the protocol", () => {
  const connectionErrors: [what: string, code: number, sent: Uint8Array[]][] = [
    ["a frame longer than we allow", 6, [frame(data, 0, 1, "00".repeat(16_385))]],
    ["data on a stream that nobody opened", 1, [frame(data, 0, 3, "00")]],
    ["headers on a stream of its own", 1, [frame(headers, endHeaders, 2, "88")]],
    ["headers of the connection", 1, [frame(headers, endHeaders, 0, "88")]],
    ["a push", 1, [frame(pushPromise, endHeaders, 1, "0000000288")]],
    ["padding longer than the frame", 1, [ok, frame(data, padded, 1, "0500")]],
    ["a padded frame without anything", 6, [ok, frame(data, padded, 1)]],
    ["headers too short for their priority", 6, [frame(headers, endHeaders | frameFlag.priority, 1, "0000")]],
    [
      "a frame between headers and their continuation",
      1,
      [frame(headers, 0, 1, "88"), frame(ping, 0, 0, "00".repeat(8))],
    ],
    ["a continuation of another stream", 1, [frame(headers, 0, 1, "88"), frame(continuation, endHeaders, 3)]],
    ["a continuation of nothing", 1, [frame(continuation, endHeaders, 1, "88")]],
    [
      "continuations without end",
      11,
      [frame(headers, 0, 1), ...Array.from({ length: 70 }, () => frame(continuation, 0, 1))],
    ],
    [
      "continuations of more than the limit",
      11,
      [frame(headers, 0, 1), ...Array.from({ length: 5 }, () => frame(continuation, 0, 1, "88".repeat(16_000)))],
    ],
    ["headers that grow beyond the limit", 11, [frame(headers, endHeaders, 1, "8f".repeat(2_000))]],
    ["headers that no table has", 9, [frame(headers, endHeaders, 1, "ff00")]],
    ["a window that grows by nothing", 1, [frame(windowUpdate, 0, 1, "00000000")]],
    ["a window beyond 2^31-1", 3, [frame(windowUpdate, 0, 0, "7fffffff")]],
    ["a window of a stream beyond 2^31-1", 3, [frame(windowUpdate, 0, 1, "7fffffff")]],
    ["a window of a broken length", 6, [frame(windowUpdate, 0, 1, "0000")]],
    ["a window of a stream that nobody opened", 1, [frame(windowUpdate, 0, 9, "00000001")]],
    ["a reset of the connection", 1, [frame(rstStream, 0, 0, "00000000")]],
    ["a ping of a broken length", 6, [frame(ping, 0, 0, "00")]],
    ["a ping of a stream", 1, [frame(ping, 0, 1, "00".repeat(8))]],
    ["a goaway that is too short", 6, [frame(goaway, 0, 0, "00")]],
    ["settings of a broken length", 6, [frame(frameType.settings, 0, 0, "00")]],
    ["settings of a stream", 1, [frame(frameType.settings, 0, 1)]],
    ["settings that are acknowledged and set", 6, [frame(frameType.settings, 1, 0, "000000000000")]],
    ["a window of 2^31 in the settings", 3, [settings([4, 0x80000000])]],
    ["frames of at most a hundred bytes", 1, [settings([5, 100])]],
    ["a server that asks to be pushed to", 1, [settings([2, 1])]],
    ["pings without end", 11, [Buffer.concat(Array.from({ length: 10_001 }, () => frame(ping, 0, 0, "00".repeat(8))))]],
    ["settings without end", 11, [Buffer.concat(Array.from({ length: 10_001 }, () => settings()))]],
    ["empty data without end", 11, [ok, Buffer.concat(Array.from({ length: 10_001 }, () => frame(data, 0, 1)))]],
    ["unknown frames without end", 11, [Buffer.concat(Array.from({ length: 10_001 }, () => frame(77, 0, 0)))]],
    [
      "interim responses without end",
      11,
      [Buffer.concat(Array.from({ length: 10_001 }, () => frame(headers, endHeaders, 1, "0803313033")))],
    ],
  ];
  it.each(connectionErrors)("%s ends the connection (%i)", async (_, code, sent) => {
    expect((await outcome(...sent)).last).toContain(`(${errorName(code)})`);
  });

  it("is told why in a last frame", async () => {
    expect((await outcome(frame(ping, 0, 0, "00"))).code).toBe(6);
  });

  const streamErrors: [what: string, sent: Uint8Array[]][] = [
    ["data before the headers", [frame(data, endStream, 1, "00")]],
    ["no status", [frame(headers, endHeaders | endStream, 1, "84")]],
    ["a status that is none", [frame(headers, endHeaders, 1, "0803616263")]],
    ["two statuses", [frame(headers, endHeaders, 1, "8888")]],
    ["a status behind other fields", [frame(headers, endHeaders, 1, "0001610162 88".replace(" ", ""))]],
    ["a second response", [ok, frame(headers, endHeaders | endStream, 1, "88")]],
    ["headers within the body", [ok, frame(headers, endHeaders, 1, "0001610162")]],
    ["an interim response that ends", [frame(headers, endHeaders | endStream, 1, "0803313033")]],
    ["a name in upper case", [frame(headers, endHeaders, 1, "880001410162")]],
    [
      "a field of the connection",
      [frame(headers, endHeaders, 1, "8800 0a636f6e6e656374696f6e 0162".replaceAll(" ", ""))],
    ],
    ["a line break in a value", [frame(headers, endHeaders, 1, "88000161010a")]],
  ];
  it.each(streamErrors)("%s ends that request", async (_, sent) => {
    const seen = await outcome(...sent);
    expect(seen.last).toMatch(/malformed answer.*PROTOCOL_ERROR/);
    expect(seen.code).toBeUndefined();
  });

  it.each([
    ["its frames do not begin with settings", ok],
    ["it is a web server of the older kind", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")],
  ])("ends the connection when %s", async (_, first) => {
    const { heard } = await ask([], first);
    expect(heard.at(-1)).toMatch(/PROTOCOL_ERROR|FRAME_SIZE_ERROR/);
  });
});

describe("what a peer may do", () => {
  it("pads, sets priorities, sends frames of extensions, and answers a stream that was reset", async () => {
    const { heard } = await ask([
      frame(77, 255, 1, "00"),
      frame(priority, 0, 1, "0000000000"),
      frame(headers, endHeaders | padded | frameFlag.priority, 1, "02 0000000000 88 0000".replaceAll(" ", "")),
      frame(data, padded, 1, "03aabb000000"),
      frame(data, padded | endStream, 1, "00"),
    ]);
    expect(heard).toEqual([":status", "2 bytes", "end"]);
  });

  it("ends without a body, and with trailers", async () => {
    expect((await ask([frame(headers, endHeaders | endStream, 1, "88")])).heard).toEqual([":status", "end"]);
    const trailers = frame(headers, endHeaders | endStream, 1, "0001610162");
    expect((await ask([ok, trailers])).heard).toEqual([":status", "a", "end"]);
  });

  it("gives the request up, goes away or hangs up, which is told", async () => {
    expect((await outcome(frame(rstStream, 0, 1, "00000007"))).last).toMatch(/REFUSED_STREAM/);
    expect((await outcome(frame(rstStream, 0, 1, "000000ff"))).last).toMatch(/error 255/);
    expect((await outcome(frame(goaway, 0, 0, "000000000000000b"))).last).toMatch(/goes away \(ENHANCE_YOUR_CALM\)/);
  });

  it("cuts what it sends anywhere", async () => {
    const whole = Buffer.concat([settings([3, 10]), ok, encodeFrame(data, endStream, 1, Buffer.from("abc"))]);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: whole.byteLength }), (size) => {
        const cutter = new FrameCutter(100);
        const types: number[] = [];
        for (let at = 0; at < whole.byteLength; at += size) {
          cutter.push(whole.subarray(at, at + size));
          for (let one = cutter.next(); one !== undefined; one = cutter.next()) types.push(one.type);
        }
        expect(types).toEqual([frameType.settings, headers, data]);
        return Promise.resolve();
      }),
    );
  });

  it("sends anything at all: the request ends, and nothing is thrown", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(
            fc.integer({ min: 0, max: 10 }),
            fc.integer({ min: 0, max: 255 }),
            fc.constantFrom(0, 1, 2, 3),
            fc.uint8Array({ maxLength: 40 }),
          ),
          { maxLength: 12 },
        ),
        async (frames) => {
          const sent = frames.map(([type, flags, id, payload]) => encodeFrame(type, flags, id, payload));
          // In the end the peer goes away, so that a request that nothing answered has its end.
          const { heard } = await ask([
            ...sent,
            encodeFrame(goaway, 0, 0, Buffer.concat([encodeUint32(0), encodeUint32(0)])),
          ]);
          expect(heard.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);
});
