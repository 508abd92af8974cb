import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { acceptsGzip, encodeFrames, sseFrame } from "./event-stream.ts";

describe("frames of an event stream", () => {
  it.each([
    ["identity", "x"],
    ["identity", "x".repeat(100_000)],
    ["gzip", "x"],
    ["gzip", "an event that is small ".repeat(20)],
    ["gzip", "an event that is large ".repeat(20_000)],
  ] as const)("hold no more memory than their length, encoded as %s", (encoding, frames) => {
    const bytes = encodeFrames(frames, encoding);
    expect(bytes.buffer.byteLength).toBe(bytes.length);
  });

  it("are one gzip stream together, each ending on a byte", () => {
    const head = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
    const pieces = ["data: 1\n\n", "data: 2\n\n"].map((frame) => encodeFrames(frame, "gzip"));
    const text = gunzipSync(Buffer.concat([head, ...pieces]), { finishFlush: 2 }).toString();
    expect(text).toBe("data: 1\n\ndata: 2\n\n");
  });

  it("give each line of data a field of its own", () => {
    expect(sseFrame({ id: "7", event: "page", data: "a\r\nb\nc" })).toBe(
      "id: 7\nevent: page\ndata: a\ndata: b\ndata: c\n\n",
    );
  });

  it.each([
    ["gzip", true],
    ["br;q=1, gzip;q=0.5", true],
    ["*", true],
    ["gzip;q=0", false],
    ["gzip;q=0.0, br", false],
    ["", false],
  ])("are packed for who accepts %j: %s", (header, taken) => {
    expect(acceptsGzip(header)).toBe(taken);
  });
});
