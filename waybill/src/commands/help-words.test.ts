import { describe, expect, it } from "vitest";
import { helpWords } from "./help-words.ts";

describe("words that ask for help", () => {
  it.each([
    ["help", "--help"],
    ["help store", "store --help"],
    ["help store ls", "store ls --help"],
    ["help store tag-policy put", "store tag-policy put --help"],
    ["store ls acme/app --help", "store ls acme/app --help"],
    ["store --help", "store --help"],
    ["up --data -h", "up --data -h"],
  ])("%j is %j", (words, expected) => expect(helpWords(words.split(" ")).join(" ")).toBe(expected));

  it.each([
    ["help stroe", "stroe"],
    ["help store lss", "store lss"],
    ["stroe --help", "stroe"],
    ["store lss acme/app -h", "store lss"],
    ["store tag-policy pt few --help", "store tag-policy pt"],
  ])("%j leaves the wrong word to be told of: %j", (words, expected) =>
    expect(helpWords(words.split(" ")).join(" ")).toBe(expected),
  );

  it("never become a command that runs", () => {
    expect(helpWords(["help", "store", "gc", "now"])).toEqual(["store", "gc", "--help"]);
  });

  it("are not asked for by any other command line", () => {
    expect(helpWords(["store", "lss"])).toEqual(["store", "lss"]);
    expect(helpWords([])).toEqual([]);
  });
});
