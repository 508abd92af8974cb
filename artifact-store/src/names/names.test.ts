import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StoreError } from "../errors/index.ts";
import { parseRepositoryName, parseTag, repositoryNameLimit, tenantOfRepository } from "./index.ts";

const element = fc.stringMatching(/^[a-z0-9]{1,8}([._-][a-z0-9]{1,8}){0,2}$/);

function outcome(name: string): string {
  try {
    return parseRepositoryName(name);
  } catch (error) {
    return error instanceof StoreError ? error.code : "another error";
  }
}

describe("repository names", () => {
  it("accepts every name that the grammar can make, and the tenant is its first element", () => {
    fc.assert(
      fc.property(fc.array(element, { minLength: 1, maxLength: 5 }), (elements) => {
        const name = elements.join("/");
        expect(tenantOfRepository(parseRepositoryName(name))).toBe(elements[0]);
      }),
    );
  });

  it("never lets anything pass that could leave a folder, a query or a header", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        const safe =
          /^[a-z0-9._/-]+$/.test(text) && !text.split("/").includes("..") && text.length <= repositoryNameLimit;
        expect(safe || outcome(text) === "NAME_INVALID").toBe(true);
      }),
    );
  });

  it.each([
    "",
    "/",
    "a/",
    "/a",
    "a//b",
    "..",
    "a/../b",
    "a/./b",
    "A/b",
    "a b",
    "a\\b",
    "a%2fb",
    "a\u0000",
    "a_",
    "-a",
    "a/b\n",
    "ä/b",
    "a___b",
  ])("refuses %j", (name) => {
    expect(() => parseRepositoryName(name)).toThrow(expect.objectContaining({ code: "NAME_INVALID" }));
  });

  it("refuses a name of 256 characters, accepts one of 255, and is quick with a long one made to backtrack", () => {
    expect(parseRepositoryName("a".repeat(255))).toHaveLength(255);
    expect(() => parseRepositoryName("a".repeat(256))).toThrow("at most 255");
    expect(() => parseRepositoryName(`${"a-".repeat(1_000_000)}!`)).toThrow("is no repository name");
    expect(() => parseRepositoryName(`${"a_-".repeat(84)}!`)).toThrow("is no repository name");
  });
});

describe("tags", () => {
  it.each(["latest", "v1.2.3", "_x", "A".repeat(128), "sha256-abc.sig"])("accepts %j", (tag) => {
    expect(parseTag(tag)).toBe(tag);
  });

  it.each(["", ".a", "-a", "a/b", "a:b", "A".repeat(129), "a\n", "..", "ü"])("refuses %j", (tag) => {
    expect(() => parseTag(tag)).toThrow(expect.objectContaining({ code: "TAG_INVALID" }));
  });
});
