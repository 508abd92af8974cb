import { describe, expect, it } from "vitest";
import { containerdPrograms, type ProvokedFailure, provokeFailures } from "../testing/index.ts";
import { explainFailure } from "./failure.ts";

const { programs, missing } = await containerdPrograms();
for (const reason of missing) console.log(`failures of a real containerd: skipped in part, ${reason}`);

describe.skipIf(programs.length === 0)("what a real containerd says of a pull that fails", { concurrent: true }, () => {
  it.each(programs)("$release: each failure that was made is told as what it is", async (program) => {
    const told = (failure: ProvokedFailure) => [failure.by, explainFailure(failure.message, new Date()).code];
    const provoked = await provokeFailures(program);
    expect(provoked.length).toBeGreaterThan(15);
    expect(provoked.map(told)).toEqual(provoked.map(({ by, code }) => [by, code]));
  });
});
