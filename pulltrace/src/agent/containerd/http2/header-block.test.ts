import { describe, expect, it } from "vitest";
import * as fc from "fast-check";
import { Http2Error } from "./codes.ts";
import { decodeHeaderBlock, encodeHeaderBlock } from "./header-block.ts";
import type { HeaderField } from "./static-table.ts";
import { decodeHuffman } from "./huffman.ts";

const bytes = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");
const read = (hex: string, limit = 65_536) => decodeHeaderBlock(bytes(hex), limit);

function outcomeOf(block: Uint8Array): string {
  try {
    return decodeHeaderBlock(block, 4_096).every((field) => field.length === 2) ? "as it may be" : "no pairs";
  } catch (error) {
    return error instanceof Http2Error ? "as it may be" : String(error);
  }
}

describe("a header block", () => {
  it("reads as the examples of RFC 7541, C.2 and the first blocks of C.3, C.4, C.5 and C.6 say", () => {
    expect(read("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572")).toEqual([
      ["custom-key", "custom-header"],
    ]);
    expect(read("040c 2f73 616d 706c 652f 7061 7468")).toEqual([[":path", "/sample/path"]]);
    expect(read("1008 7061 7373 776f 7264 0673 6563 7265 74")).toEqual([["password", "secret"]]);
    expect(read("82")).toEqual([[":method", "GET"]]);
    const request = [
      [":method", "GET"],
      [":scheme", "http"],
      [":path", "/"],
      [":authority", "www.example.com"],
    ];
    expect(read("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d")).toEqual(request);
    expect(read("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff")).toEqual(request);
    const response = [
      [":status", "302"],
      ["cache-control", "private"],
      ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
      ["location", "https://www.example.com"],
    ];
    expect(
      read(
        `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120
            474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`.replace(/\s/g, ""),
      ),
    ).toEqual(response);
    expect(
      read(
        `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718
            63c7 8f0b 97c8 e9ae 82ae 43d3`.replace(/\s/g, ""),
      ),
    ).toEqual(response);
  });

  it("reads integers as C.1 has them", () => {
    // 1337 as the length of a value.
    const value = "x".repeat(1_337);
    expect(read(`00 01 61 7f ba09 ${Buffer.from(value).toString("hex")}`)).toEqual([["a", value]]);
  });

  it("may begin with the table's size set to nothing", () => {
    expect(read("2020 82")).toEqual([[":method", "GET"]]);
  });

  it("is refused when it needs a dynamic table, breaks off or never ends", () => {
    for (const hex of ["21", "3fe11f", "82 20"]) expect(() => read(hex)).toThrow(/dynamic table/);
    for (const hex of ["be", "80", "7f00 01 61"]) expect(() => read(hex)).toThrow(/no header has the index/);
    for (const hex of ["40", "00 05 61", "00 01 61", "ff"]) expect(() => read(hex)).toThrow(/breaks off/);
    for (const hex of ["ff ffffffffffff 00", "00 7f 8080808080808000"]) {
      expect(() => read(hex)).toThrow(/endless integer/);
    }
  });

  it("is refused beyond the limit, each field counted with 32 bytes more", () => {
    expect(read("82 82", 84)).toHaveLength(2);
    expect(() => read("82 82", 83)).toThrow(/ENHANCE_YOUR_CALM/);
  });

  it("that is anything at all gives fields or an HTTP/2 error, nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (block) => {
        expect(outcomeOf(block)).toBe("as it may be");
      }),
    );
  });

  it("that we wrote reads back, whatever is in it", () => {
    const visible = (least: number, most: number) =>
      fc.integer({ min: least, max: most }).map((code) => String.fromCharCode(code));
    const name = fc.string({ unit: visible(97, 122), minLength: 1, maxLength: 300 });
    const value = fc.string({ unit: visible(33, 126), maxLength: 3_000 });
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 10 }), (fields) => {
        expect(decodeHeaderBlock(encodeHeaderBlock(fields), 1_000_000)).toEqual(fields);
      }),
    );
  });

  it("takes a byte for what everybody knows, and is never indexed otherwise", () => {
    const fields: HeaderField[] = [
      [":method", "POST"],
      [":path", "/a"],
      ["te", "trailers"],
    ];
    expect(encodeHeaderBlock(fields).toString("hex")).toBe("8315022f611002746508747261696c657273");
  });
});

describe("a Huffman string", () => {
  it("reads as RFC 7541 has them", () => {
    const examples = {
      f1e3c2e5f23a6ba0ab90f4ff: "www.example.com",
      a8eb10649cbf: "no-cache",
      "25a849e95ba97d7f": "custom-key",
      "25a849e95bb8e8b4bf": "custom-value",
      "94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007":
        "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
    };
    for (const [hex, text] of Object.entries(examples)) expect(decodeHuffman(bytes(hex))).toBe(text);
  });

  it("is refused with padding that is too long or not all ones, and with the end symbol in it", () => {
    // "0" is 00000: three bits of padding.
    expect(decodeHuffman(bytes("07"))).toBe("0");
    for (const hex of ["00", "06", "07ff", "ff", "ffffffff"]) {
      expect(() => decodeHuffman(bytes(hex))).toThrow(/COMPRESSION_ERROR/);
    }
  });
});
