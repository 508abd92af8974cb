import { expect, it } from "vitest";
import { soak } from "./harness/pull-soak.ts";

const mebibyte = 1024 * 1024;

it("a pull server whose agents and clients come and go for ten minutes keeps its size", async () => {
  const { before, after, during, between, reports, refused, clients } = await soak(12, 50);
  const inMebibytes = (part: typeof during, of: "heapBytes" | "residentBytes"): string =>
    part.map((one) => (one[of] / mebibyte).toFixed(1)).join(" ");
  console.log(
    `${reports} reports, ${clients} clients; in MiB: RSS ${inMebibytes(during, "residentBytes")}; ` +
      `heap when all had left ${inMebibytes(between, "heapBytes")}`,
  );
  expect(refused).toBe(0);
  const most = (part: typeof during, of: "heapBytes" | "residentBytes"): number =>
    Math.max(...part.map((one) => one[of]));
  const early = (part: typeof during): typeof during => part.slice(3, 7);
  const late = (part: typeof during): typeof during => part.slice(-4);
  expect(most(late(between), "heapBytes") - most(early(between), "heapBytes")).toBeLessThan(mebibyte);
  expect(most(late(during), "residentBytes") / most(early(during), "residentBytes")).toBeLessThan(1.1);
  expect({ sockets: after.sockets, timers: after.timers }).toEqual({ sockets: before.sockets, timers: before.timers });
  expect(after.warnings).toEqual([]);
});
