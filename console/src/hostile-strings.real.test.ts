import { rm } from "node:fs/promises";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { backOffPulls, buildPage, busyPulls, launchOptions, playScene, sampleNodes } from "./testing/index.ts";

let dist: string;
let browser: Browser | undefined;

beforeAll(async () => {
  dist = await buildPage();
  browser = await chromium.launch(launchOptions);
});
afterAll(async () => {
  await browser?.close();
  await rm(dist, { recursive: true, force: true });
});

const payloads = [
  `"><img src=x onerror="window.broken=1">`,
  `<script>window.broken=1</script>`,
  `javascript:window.broken=1`,
  `'-window.broken=1-'\${window.broken=1}{{constructor.constructor("window.broken=1")()}}`,
  `<svg/onload=window.broken=1>`,
];
/** What the page takes for a word of the contract, and not for text. */
const words = new Set(["id", "pullId", "phase", "kind", "basis", "code"]);

/** The same with the payload behind every string that is neither a time nor a word of the contract. */
function poisoned(value: unknown, payload: string, name = ""): unknown {
  if (typeof value === "string") {
    return words.has(name) || !Number.isNaN(Date.parse(value)) ? value : `${value}${payload}`;
  }
  if (Array.isArray(value)) return value.map((one) => poisoned(one, payload, name));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, poisoned(one, payload, key)]));
}
const all = <T>(values: readonly T[]): T[] =>
  values.map((value, index) => poisoned(value, payloads[index % payloads.length] ?? "") as T);

it.each(["/", "/?group=image", "/nodes", "/?kiosk", "/?q=%3Cimg%20src=x%20onerror=window.broken=1%3E"])(
  "a server that sends markup in every string brings nothing but text to %s",
  async (path) => {
    const nodes = (now: number) => all(sampleNodes(["worker-01", "worker-02"], ["worker-02"], now));
    const played = await playScene(
      { name: "hostile", pulls: (now) => all([...backOffPulls(now), ...busyPulls(now)]), nodes },
      dist,
    );
    const context = await browser!.newContext({ viewport: { width: 1280, height: 900 } });
    try {
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("console", (message) => {
        if (/content.security.policy/i.test(message.text())) complaints.push(message.text());
      });
      page.on("dialog", (dialog) => {
        complaints.push(dialog.message());
        void dialog.dismiss();
      });
      await page.goto(`${played.server.url}${path}`);
      await page.getByTestId("connection").getByText("live").waitFor();
      const toggles = page.locator(".row-toggle");
      // Each row opened in turn shows its layers, its cause and its pods.
      for (let row = 0; row < Math.min(8, await toggles.count()); row += 1) await toggles.nth(row).click();
      await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 300)));
      const found = await page.evaluate(() => ({
        broken: "broken" in window,
        images: document.querySelectorAll("img[src=x], svg[onload], body script").length,
        handlers: [...document.querySelectorAll("*")].filter((one) =>
          [...one.attributes].some(({ name }) => name.startsWith("on")),
        ).length,
        links: [...document.querySelectorAll("a")].filter(({ href }) => href.startsWith("javascript:")).length,
      }));
      expect(found).toEqual({ broken: false, images: 0, handlers: 0, links: 0 });
      expect(complaints).toEqual([]);
      // It was there to be seen, as text: all of these pages name nodes or images.
      expect(await page.locator("body").innerHTML()).toContain("window.broken=1");
    } finally {
      await context.close();
      await played.close();
    }
  },
);
