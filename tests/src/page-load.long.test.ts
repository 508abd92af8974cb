import { expect, it } from "vitest";
import { loadPage } from "./harness/page-load.ts";

it("the page under a thousand events a second for five minutes: half a core, one draw a frame, no growth", async () => {
  const load = await loadPage(300);
  console.log(JSON.stringify(load));
  expect(load.eventsPerSecond).toBeGreaterThan(900);
  expect(load.mostDrawsInAFrame).toBe(1);
  expect(load.cores).toBeLessThan(0.5);
  const [early, late] = [load.heaps.slice(1, 4), load.heaps.slice(-3)];
  expect(Math.max(...late) - Math.max(...early)).toBeLessThan(4 * 1024 * 1024);
});
