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
