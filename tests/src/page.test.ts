import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SampleImage } from "@waybill/waybill/sample";
import { accessibilityViolations, complaintsOf, keepScreenshot, launchBrowser } from "./harness/browser.ts";
import { nodeName, setStage, type Stage } from "./harness/stage.ts";
import { rateLimitedProxy } from "./harness/proxy.ts";
import { until } from "./harness/until.ts";

/** The same as in `pulls.test.ts`, as a person sees it: a real Chromium on the real server with real pulls. */

const mebibyte = 1024 * 1024;

let stage: Stage;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let complaints: readonly string[] = [];

const rows = (): Locator => page.locator("[role=row][data-pull]");
const rowOf = (name: string): Locator => rows().filter({ has: page.getByRole("button", { name }) });
const percentOf = async (name: string): Promise<number> => {
  const value = await rowOf(name).getByRole("progressbar").getAttribute("aria-valuenow");
  return value === null ? -1 : Number(value);
};
const connection = (text: string | RegExp): Locator => page.getByTestId("connection").getByText(text);

async function publish(name: string, mebibytes: readonly number[]): Promise<SampleImage> {
  return stage.publish(
    name,
    mebibytes.map((size, index) => ({ seed: `${name} ${index}`, sizeBytes: size * mebibyte })),
  );
}

beforeAll(async () => {
  stage = await setStage({ tenants: ["team-a", "team-b"], bytesPerSecond: mebibyte });
  browser = await launchBrowser();
  context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    colorScheme: "light",
    reducedMotion: "reduce",
  });
  page = await context.newPage();
  page.setDefaultTimeout(150_000);
  complaints = complaintsOf(page);
});

afterAll(async () => {
  await browser?.close();
  await stage?.[Symbol.asyncDispose]();
});

describe("the page on a real server", () => {
  it("teaches while nothing is being pulled", async () => {
    await page.goto(stage.waybill.url);
    await connection("live").waitFor();
    await page.getByTestId("figure-nodes").getByText("1 of 1").waitFor();
    await page.getByRole("heading", { name: "No pull is running now" }).waitFor();
    expect(await accessibilityViolations(page)).toEqual([]);
    await keepScreenshot(page, "empty");
  });

  it("shows a row for each image that is being pulled, with its tenant, and moves its bar", async () => {
    const web = await publish("team-a/web", [2, 12, 9, 5, 1]);
    const worker = await publish("team-b/worker", [2, 8, 6]);
    const pulls = [web, worker].map((image) => stage.containerd.pull(stage.referenceOf(image)));
    await rowOf("team-a/web").waitFor();
    await rowOf("team-b/worker").waitFor();
    expect(await rowOf("team-a/web").textContent()).toContain(nodeName);
    await rowOf("team-a/web").getByText("team-a", { exact: true }).waitFor();
    await rowOf("team-b/worker").getByText("team-b", { exact: true }).waitFor();
    const before = await percentOf("team-a/web");
    const later = await until("the bar to move", async () => {
      const percent = await percentOf("team-a/web");
      return percent > Math.max(before, 10) ? percent : undefined;
    });
    expect(later).toBeLessThan(100);
    // Slow until it was seen, however seldom this looks on a busy machine.
    stage.link.setRate(3 * mebibyte);
    expect(await accessibilityViolations(page)).toEqual([]);
    await keepScreenshot(page, "busy");
    expect(pulls).toHaveLength(2);
  });

  it("opens a row into its layers, each with its size and phase", async () => {
    await rowOf("team-a/web").getByRole("button").first().click();
    const details = page.getByRole("region", { name: /Details of .*team-a\/web/ });
    await details.waitFor();
    const layers = details.getByRole("table").getByRole("row");
    await layers.nth(5).waitFor();
    expect(await layers.count()).toBe(1 + 5);
    await layers.filter({ hasText: "12.0 MiB" }).first().waitFor();
    expect(await accessibilityViolations(page)).toEqual([]);
    await keepScreenshot(page, "opened");
    await page.emulateMedia({ colorScheme: "dark" });
    await keepScreenshot(page, "opened-dark");
    expect(await accessibilityViolations(page)).toEqual([]);
  });

  it("is dark where the system is, and fits a telephone", async () => {
    const ground = (): Promise<string> => page.evaluate("getComputedStyle(document.body).backgroundColor");
    const dark = await ground();
    await page.emulateMedia({ colorScheme: "light" });
    expect(await ground()).not.toBe(dark);
    await page.setViewportSize({ width: 360, height: 760 });
    expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
    await keepScreenshot(page, "narrow");
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.keyboard.press("Escape");
  });

  it("filters by text and tenant, and keeps the filter in the URL", async () => {
    await page.getByRole("searchbox", { name: "Filter by text" }).fill("worker");
    await page.waitForURL("**/?q=worker");
    await rowOf("team-a/web").waitFor({ state: "detached" });
    expect(await rows().count()).toBe(1);
    await page.reload();
    await rowOf("team-b/worker").waitFor();
    expect(await rows().count()).toBe(1);
    await page.goto(`${stage.waybill.url}/?tenant=team-a`);
    await rowOf("team-a/web").waitFor();
    expect(await rows().count()).toBe(1);
    await page.goto(stage.waybill.url);
    await rowOf("team-b/worker").waitFor();
  });

  it("says honestly that the server is away, and takes up where it was when it comes back", async () => {
    await stage.waybill.kill("SIGKILL");
    await connection(/reconnecting/).waitFor();
    await keepScreenshot(page, "disconnected");
    await stage.waybill.restart();
    await connection("live").waitFor();
    await rowOf("team-a/web").waitFor();
    await rowOf("team-b/worker").waitFor();
    expect(await rows().count()).toBe(2);
    await rowOf("team-a/web").getByText("done", { exact: true }).waitFor();
    await rowOf("team-b/worker").getByText("done", { exact: true }).waitFor();
    expect(await rows().count()).toBe(2);
    await keepScreenshot(page, "done");
  });

  it("finds out that a line swallows everything and closes nothing, and is there again when it does not", async () => {
    const { hostname: host, port } = new URL(stage.waybill.url);
    const line = await rateLimitedProxy({ target: { host, port: Number(port) }, bytesPerSecond: 1024 * mebibyte });
    try {
      await page.goto(`http://${line.address}`);
      await connection("live").waitFor();
      // Connections stay, and new ones are taken; nothing comes.
      line.setRate(0);
      await connection(/reconnecting/).waitFor();
      line.setRate(1024 * mebibyte);
      await connection("live").waitFor();
      expect(await rows().count()).toBe(2);
    } finally {
      await line.close();
    }
    await page.goto(stage.waybill.url);
    await connection("live").waitFor();
  });

  it("shows a pull that failed, with what to do", async () => {
    const image = await publish("team-a/broken", [16]);
    const pull = stage.containerd.pull(stage.referenceOf(image));
    // The list holds still under the pointer.
    await page.mouse.move(5, 5);
    await rowOf("team-a/broken").waitFor();
    await until("some bytes", async () => (await percentOf("team-a/broken")) > 5 || undefined);
    pull.abort("SIGINT");
    await pull.finished;
    await rowOf("team-a/broken")
      .getByText(/^(failed|cancelled)$/)
      .waitFor();
    await rowOf("team-a/broken").getByRole("button").first().click();
    await page.getByRole("region", { name: /Details of .*team-a\/broken/ }).waitFor();
    expect(await accessibilityViolations(page)).toEqual([]);
    await keepScreenshot(page, "failed");
  });

  it("gave the browser no reason to complain, not even about its Content-Security-Policy", () => {
    expect(complaints).toEqual([]);
  });
});
