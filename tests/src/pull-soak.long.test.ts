import { expect, it } from "vitest";
import { soak } from "./harness/pull-soak.ts";

const mebibyte = 1024 * 1024;

it("a pull server whose agents and clients come and go for ten minutes keeps its size", async () => {
  const { before, after, during, reports, refused, clients } = await soak(600);
  console.log(
    `${reports} reports, ${clients} clients; RSS in MiB: ${during.map(({ residentBytes }) => Math.round(residentBytes / mebibyte)).join(" ")}`,
  );
  expect(refused).toBe(0);
  const most = (part: typeof during, of: "heapBytes" | "residentBytes"): number =>
    Math.max(...part.map((one) => one[of]));
  const [early, late] = [during.slice(3, 7), during.slice(-4)];
  expect(most(late, "heapBytes") - most(early, "heapBytes")).toBeLessThan(3 * mebibyte);
  expect(most(late, "residentBytes") / most(early, "residentBytes")).toBeLessThan(1.1);
  expect({ sockets: after.sockets, timers: after.timers }).toEqual({ sockets: before.sockets, timers: before.timers });
  expect(after.warnings).toEqual([]);
});
