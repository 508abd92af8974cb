import { describe, expect, it } from "vitest";
import {
  parseBoolean,
  parseChecksum,
  parseConcat,
  parseInteger,
  parseMetadata,
  parseReprDigest,
  parseSize,
  reprDigest,
} from "./headers.ts";

describe("header fields of resumable uploads", () => {
  it("sizes are non-negative integers that a number holds", () => {
    expect(parseSize("0")).toBe(0);
    expect(parseSize("999999999999999")).toBe(999_999_999_999_999);
    for (const text of [undefined, "", "-1", "+1", "1.5", "0x10", " 1", "1 ", "1e3", "9999999999999999", "NaN"]) {
      expect(parseSize(text)).toBeUndefined();
    }
  });

  it("items of structured fields may have parameters, which mean nothing", () => {
    expect(parseInteger("12;a=b")).toBe(12);
    expect(parseBoolean("?1;x")).toBe(true);
    expect(parseBoolean("?0")).toBe(false);
    for (const text of [undefined, "", "1", "true", "?2", "?1?0"]) expect(parseBoolean(text)).toBeUndefined();
  });

  it("a digest goes into Repr-Digest and out of it again, the strongest known one first", () => {
    const sha256 = `sha256:${"ab".repeat(32)}`;
    const sha512 = `sha512:${"cd".repeat(64)}`;
    expect(parseReprDigest(reprDigest(sha256))).toBe(sha256);
    expect(parseReprDigest(`${reprDigest(sha256)}, ${reprDigest(sha512)}, md5=:AAAA:`)).toBe(sha512);
    for (const text of [undefined, "", "sha-256=AAAA", "sha-256=:!:", "unixsum=:AAAA:"]) {
      expect(parseReprDigest(text)).toBeUndefined();
    }
  });

  it("a checksum has a known algorithm and a value of its length", () => {
    const value = Buffer.alloc(20, 7);
    expect(parseChecksum(`sha1 ${value.toString("base64")}`)).toEqual({ algorithm: "sha1", value });
    for (const text of [
      "",
      "sha1",
      "sha1 AAAA",
      `sha3 ${value.toString("base64")}`,
      `sha1  ${value.toString("base64")}`,
    ]) {
      expect(parseChecksum(text)).toBeUndefined();
    }
  });

  it("metadata are pairs of a key and Base64, each key once, a value may be empty", () => {
    expect(parseMetadata("filename d29ybGQ=,empty")).toEqual(
      new Map([
        ["filename", "world"],
        ["empty", ""],
      ]),
    );
    for (const text of ["", "a b c", "a YQ==,a YQ==", "ä YQ==", "key !!!", "a YQ==,,b YQ=="]) {
      expect(parseMetadata(text)).toBeUndefined();
    }
  });

  it("a concatenation names its parts by path or address", () => {
    const [first, second] = ["0c4d7f0a-9a53-4a3c-8a7e-0123456789ab", "0c4d7f0a-9a53-4a3c-8a7e-0123456789ac"];
    expect(parseConcat("partial")).toEqual({ part: "partial" });
    expect(parseConcat(`final;/a/b/${first} https://example.test/x/${second}`)).toEqual({
      part: "final",
      ids: [first, second],
    });
    for (const text of ["", "final", "final;", "final;/a/b", "partial;x", `final;/a/${first}?x`]) {
      expect(parseConcat(text)).toBeUndefined();
    }
  });
});
