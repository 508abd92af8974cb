import { array, assert, integer, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { createMessageReader } from "./messages.ts";

const stream = [
  "\uFEFF: a comment\n",
  "id: r1-1\ndata: one\n\n",
  "event: reset\r\ndata: {}\r\n\r\n",
  "id:r1-3\rdata:two\rdata: lines\r\r",
  "data\n\n",
  "event: named but without data\n\n",
  "id: r1-9\n\n",
  "id: r1-9\n\n",
  "id: has\0zero\ndata: kept id\n\n",
  "data: unfinished",
].join("");

const expected = [
  { id: "r1-1", event: "message", data: "one" },
  { id: "r1-1", event: "reset", data: "{}" },
  { id: "r1-3", event: "message", data: "two\nlines" },
  { id: "r1-3", event: "message", data: "" },
  { id: "r1-9", event: "message" },
  { id: "r1-9", event: "message", data: "kept id" },
];

describe("reading an event stream", () => {
  it("gives out whole messages only, with all three line ends", () => {
    expect(createMessageReader("")(stream)).toEqual(expected);
  });

  it("a message with an id only moves the id, once", () => {
    expect(createMessageReader("r1-1")("id: r1-1\n\nid: r1-2\n\n: beat\n\n")).toEqual([
      { id: "r1-2", event: "message" },
    ]);
  });

  it("does not care where the network cuts the text", () => {
    assert(
      property(array(integer({ min: 1, max: 12 }), { minLength: 1 }), (sizes) => {
        const read = createMessageReader("");
        const out = [];
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const size = sizes[turn % sizes.length]!;
          out.push(...read(stream.slice(at, at + size)));
          at += size;
        }
        expect(out).toEqual(expected);
      }),
    );
  });

  it("tells how long the server wants one to stay away, if it says a number", () => {
    const told: number[] = [];
    createMessageReader("", (wait) => told.push(wait))("retry: 1500\n\nretry: soon\n\nretry: -1\n\n");
    expect(told).toEqual([1500]);
  });

  it("starts from the id that was resumed from", () => {
    expect(createMessageReader("r1-7")("data: x\n\n")[0]?.id).toBe("r1-7");
  });

  it("refuses a line and a message that never end", () => {
    expect(() => createMessageReader("")("x".repeat(5 * 1024 * 1024))).toThrow(RangeError);
    const read = createMessageReader("");
    const line = `data: ${"x".repeat(1024 * 1024)}\n`;
    expect(() => {
      for (let turn = 0; turn < 5; turn += 1) read(line);
    }).toThrow(RangeError);
  });
});
