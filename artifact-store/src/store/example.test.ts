import { startProcess, temporaryFolder } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";

describe("examples/ten-lines.ts", () => {
  it("stores a blob and reads it back without a server, and ends by itself", async () => {
    await using folder = await temporaryFolder("waybill-example-");
    const program = startProcess(new URL("../../examples/ten-lines.ts", import.meta.url), [folder.path]);
    const text = "all tests passed\n";
    expect(await program.finished()).toBe(`${digestOf(Buffer.from(text))} ${text.length}\n${text.trimEnd()}`);
  });
});

describe("examples/keep-and-collect.ts", () => {
  it("says what would go, keeps what is held, and applies a saved plan", async () => {
    await using folder = await temporaryFolder("waybill-example-");
    const program = startProcess(new URL("../../examples/keep-and-collect.ts", import.meta.url), [folder.path]);
    expect((await program.finished()).split("\n")).toEqual([
      "in 60 days 2 builds would be gone",
      "kept because it is held by ann (case-7: we look into it)",
      "4 of 4 steps done",
      "2 expired",
    ]);
  });
});
