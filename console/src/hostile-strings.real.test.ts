import { expect, it } from "vitest";
import { backOffPulls, busyPulls, type Scene, sampleNodes } from "./testing/index.ts";
import { pageInBrowser } from "./testing/page-in-browser.ts";

const { open } = pageInBrowser();

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

it.each<Pick<Scene, "path" | "query">>([
  {},
  { query: "?group=image" },
  { path: "/nodes" },
  { query: "?kiosk" },
  { query: "?q=%3Cimg%20src=x%20onerror=window.broken=1%3E" },
])("a server that sends markup in every string brings nothing but text to %j", async (where) => {
  const { page, complaints } = await open({
    name: "hostile",
    pulls: (now) => all([...backOffPulls(now), ...busyPulls(now)]),
    nodes: (now) => all(sampleNodes(["worker-01", "worker-02"], ["worker-02"], now)),
    ...where,
  });
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
});
