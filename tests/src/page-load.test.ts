import { expect, it } from "vitest";
import { loadPage } from "./harness/page-load.ts";

/** Five minutes of the same, with its share of a core, are in `page-load.long.test.ts`. */
it("the page under a thousand events a second draws its rows once a frame at most, with nothing inline allowed", async () => {
  const load = await loadPage(15);
  console.log(JSON.stringify(load));
  expect(load.eventsPerSecond).toBeGreaterThan(0);
  expect(load.drawnFrames).toBeGreaterThan(0);
  expect(load.mostDrawsInAFrame).toBe(1);
  expect(load.complaints).toEqual([]);
  expect(load.policy).toContain("script-src 'self'; style-src 'self';");
  expect(load.policy).not.toContain("unsafe");
});
