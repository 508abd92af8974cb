import { expect, it } from "vitest";
import { soak } from "./harness/pull-soak.ts";

/** Ten minutes of the same are in `pull-soak.long.test.ts`. */
it("a pull server whose agents and clients come and go for 20 s holds nothing of those who left", async () => {
  const { before, after, during, reports, refused, clients, eventBytes } = await soak(4, 5);
  expect(refused).toBe(0);
  // Fifteen agents and twenty clients in each of four rounds, however slow the machine is; else thirty times as many.
  expect(reports).toBeGreaterThanOrEqual(60);
  expect(clients).toBeGreaterThanOrEqual(80);
  expect(eventBytes).toBeGreaterThan(0);
  expect(during.length).toBe(4);
  expect({ sockets: after.sockets, timers: after.timers }).toEqual({ sockets: before.sockets, timers: before.timers });
  // Among them those of too many listeners.
  expect(after.warnings).toEqual([]);
});
