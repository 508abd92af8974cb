import { describe, expect, it } from "vitest";
import { RecentAnswers } from "./index.ts";

/** A catalog with one value, which takes a turn of the event loop to answer. */
function scene(version: number | undefined) {
  const database = { version };
  const asked: string[] = [];
  const recent = new RecentAnswers<string>(database);
  const ask = (key: string, answer: string | undefined = `${key} of ${database.version}`, bytes = 10) =>
    recent.get(
      key,
      async () => {
        asked.push(key);
        return await Promise.resolve(answer);
      },
      () => bytes,
    );
  return { database, asked, ask };
}

describe("recent answers", () => {
  it("are given again until the next commit, whatever that changed", async () => {
    const { database, asked, ask } = scene(0);
    expect([await ask("a"), await ask("a"), await ask("b")]).toEqual(["a of 0", "a of 0", "b of 0"]);
    database.version = 1;
    expect([await ask("a"), await ask("a")]).toEqual(["a of 1", "a of 1"]);
    expect(asked).toEqual(["a", "b", "a"]);
  });

  it("are never given after a commit that came while they were on their way", async () => {
    const { database, ask } = scene(0);
    const early = ask("a");
    database.version = 1;
    const late = ask("a");
    expect(await early).toBe("a of 0");
    expect([await late, await ask("a")]).toEqual(["a of 1", "a of 1"]);
  });

  it("are never given when a commit came and nobody asked meanwhile", async () => {
    const { database, ask } = scene(0);
    const early = ask("a");
    database.version = 1;
    expect(await early).toBe("a of 0");
    expect(await ask("a")).toBe("a of 1");
  });

  it("do not say that something is missing, nor anything where others commit, too", async () => {
    const empty = new RecentAnswers<string>({ version: 0 });
    const answers = [undefined, "now it is there"];
    const next = () =>
      empty.get(
        "a",
        () => Promise.resolve(answers.shift()),
        () => 1,
      );
    expect([await next(), await next()]).toEqual([undefined, "now it is there"]);
    const shared = scene(undefined);
    await shared.ask("a");
    await shared.ask("a");
    expect(shared.asked).toEqual(["a", "a"]);
  });

  it("take a bounded amount of memory, the oldest going first", async () => {
    const { asked, ask } = scene(0);
    const kilobytes60 = 60 * 1024;
    for (let index = 0; index < 100; index++) await ask(`${index}`, "x", kilobytes60);
    asked.length = 0;
    await ask("99", "x", kilobytes60);
    expect(asked).toEqual([]);
    await ask("0", "x", kilobytes60);
    expect(asked).toEqual(["0"]);
    await ask("large", "x", 100 * 1024);
    await ask("large", "x", 100 * 1024);
    expect(asked).toEqual(["0", "large", "large"]);
  });
});
