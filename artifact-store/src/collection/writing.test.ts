import { describe, expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";
import { Writing } from "./writing.ts";

const digest = digestOf(Buffer.from("x"));

describe("writing a digest and deciding about it", () => {
  it("never happen at the same time: a decision gives way, a writer waits", async () => {
    const writing = new Writing();
    const write = Promise.withResolvers<void>();
    const first = writing.write(digest, () => write.promise);
    const second = writing.write(digest, async () => "second");
    expect(await second).toBe("second");
    expect(await writing.decide(digest, async () => "decided")).toBeUndefined();
    write.resolve();
    await first;
    const order: string[] = [];
    const decision = Promise.withResolvers<void>();
    const decided = writing.decide(digest, async () => {
      await decision.promise;
      order.push("decided");
      return true;
    });
    const third = writing.write(digest, async () => order.push("written"));
    expect(await writing.decide(digest, async () => true)).toBeUndefined();
    decision.resolve();
    expect(await decided).toBe(true);
    await third;
    expect(order).toEqual(["decided", "written"]);
  });

  it("a failure of one leaves the digest free for the next", async () => {
    const writing = new Writing();
    const fails = async (): Promise<never> => {
      throw new Error("disk");
    };
    await expect(writing.write(digest, fails)).rejects.toThrow("disk");
    await expect(writing.decide(digest, fails)).rejects.toThrow("disk");
    expect(await writing.decide(digest, async () => 1)).toBe(1);
  });
});
