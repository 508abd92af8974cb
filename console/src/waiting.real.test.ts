import { rm } from "node:fs/promises";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  buildPage,
  launchOptions,
  type PlayedScene,
  playScene,
  scenes,
  sceneIsUp,
  scriptedPage,
} from "./testing/index.ts";

let dist: string;
let browser: Browser | undefined;
let context: BrowserContext | undefined;
let played: PlayedScene | undefined;

beforeAll(async () => {
  dist = await buildPage();
  browser = await chromium.launch(launchOptions);
});
afterEach(async () => {
  await context?.close();
  await played?.close();
});
afterAll(async () => {
  await browser?.close();
  await rm(dist, { recursive: true, force: true });
});

async function open(name: string, query?: string): Promise<Page> {
  const scene = scenes.find((one) => one.name === name)!;
  const { query: own, ...rest } = scene;
  const still = { ...rest, quiet: true, ...((query ?? own) === undefined ? {} : { query: query ?? own! }) };
  played = await playScene(still, dist);
  if (browser === undefined) throw new Error("Chromium did not start.");
  context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: "reduce" });
  const page = await context.newPage();
  await page.goto(`${played.server.url}/${still.query ?? ""}`);
  await sceneIsUp(page, still, (cut) => played?.server.offline(cut));
  return page;
}
const rows = (page: Page) => page.locator("[role=row][data-pull]");

describe("30 nodes in ImagePullBackOff", () => {
  it("are one sentence at the top, which leads to them, and disappears when they have their image", async () => {
    const page = await open("back-off");
    const [first] = await page.getByTestId("trouble").all();
    const sentence = first!.getByRole("link");
    await sentence
      .getByText(/^30 nodes cannot pull team-a\/web:2\.0: not found\. 30 pods wait\. Next try in \d+ s\.$/)
      .waitFor();
    expect(await page.getByTestId("figure-pods").locator(".value").textContent()).toBe("58");
    const before = await sentence.textContent();
    await expect.poll(() => sentence.textContent(), { timeout: 30_000 }).not.toBe(before);
    await sentence.focus();
    await page.keyboard.press("Enter");
    await page.getByTestId("filter-count").getByText("30 of 39 pulls").waitFor();
    expect(new URL(page.url()).searchParams.get("failure")).toBe("not-found");
    expect(await rows(page).locator(".cell-phase").first().textContent()).toBe("failed");
    for (const pull of played!.state.pulls.filter(({ id }) => id.startsWith("web-"))) {
      const { failure: _, error: __, waitsFor: ___, nextTryAt: ____, ...rest } = pull;
      played!.server.emitPull({ ...rest, phase: "done", percent: 100, updatedAt: new Date().toISOString() });
    }
    await page.getByRole("heading", { name: "No pull matches the filter" }).waitFor();
    expect(await page.getByTestId("trouble").count()).toBe(2);
  });

  it("a row says why and when it is tried again; opened, what to do and which pods wait, and it goes on by itself", async () => {
    const page = await open("back-off-opened");
    const row = page.locator('[data-pull="web-0"]');
    await row.locator(".cell-progress").getByText("has no such image, tag or digest.").waitFor();
    await row
      .locator(".cell-left")
      .getByText(/^next try in \d+\ss, 4\sfailed$/)
      .waitFor();
    const details = page.getByRole("region", { name: /^Details of team-a\/web/ });
    await details.getByTestId("failure").getByText("Check repository and tag").waitFor();
    await details
      .getByTestId("tries")
      .getByText(/^4 failed tries, the last one \d+ s ago\. Next try in \d+ s\./)
      .waitFor();
    await details
      .getByRole("list", { name: "Waiting pods (1)" })
      .getByText(/ImagePullBackOff, for 4 min/)
      .waitFor();
    const pull = played!.state.pulls.find(({ id }) => id === "web-0")!;
    const { failure: _, error: __, waitsFor: ___, nextTryAt: ____, completedAt: _____, ...rest } = pull;
    played!.server.emitPull({ ...rest, phase: "resolving", updatedAt: new Date().toISOString() });
    await row.locator(".cell-phase").getByText("resolving").waitFor();
    expect(await details.getByTestId("failure").count()).toBe(0);
    await page
      .getByTestId("trouble")
      .getByText(/^29 nodes cannot pull/)
      .waitFor();
  });

  it("grouped by image they are one row with a dot for each, its cause and its next try", async () => {
    const page = await open("back-off-images");
    const row = page.locator('[data-image$="team-a/web:2.0"]');
    await row.getByText("0 of 30 nodes have it").waitFor();
    await row.getByText("30 failed: not found", { exact: true }).waitFor();
    await row.getByText(/^next try in \d+ s$/).waitFor();
    expect(await row.locator(".marks .phase-failed").count()).toBe(30);
    expect(await row.getByRole("progressbar").getAttribute("aria-valuenow")).toBe("0");
  });
});

describe("what has not begun", () => {
  it("is a row of its own with its reason, found by a pod's container", async () => {
    const page = await open("not-begun", "?q=report-builder+proxy");
    await page.getByTestId("filter-count").getByText("1 of 39 pulls").waitFor();
    const row = page.locator('[data-pull="queued"]');
    await row.locator(".cell-phase").getByText("waiting", { exact: true }).waitFor();
    await row.locator(".cell-progress").getByText("2 pulls of this node are before it").waitFor();
    await row.locator(".cell-left").getByText("2 pulls go first").waitFor();
    const pods = page.getByRole("list", { name: "Waiting pods (2)" });
    expect(await pods.locator(".part-mark").allTextContents()).toEqual(["init container", "sidecar"]);
  });
});

describe("answers", () => {
  it("the time until the last node of a roll-out, and what the image takes on a cold node", async () => {
    const page = await open("rollout-timed");
    const row = page.locator('[data-image$="storefront:4.18.0"]');
    await row.getByText("3 of 6 nodes have it").waitFor();
    await row.getByText(/^the last in 2 min \d\d s$/).waitFor();
    await row.locator(".cell-slowest").getByText("worker-04").waitFor();
    const cold = page.getByTestId("cold-start");
    await cold.getByText("3 layers of 7 are 80 % of it").waitFor();
    expect(await cold.getByRole("listitem").count()).toBe(3);
  });
});

describe("a server that has no place", () => {
  it("is told so, with the time of the next try, and what was read stands there", async () => {
    const page = await open("server-full");
    const banner = page.getByTestId("stale-banner");
    await banner.getByText(/The server answered 503: At most 20000 clients .* Trying again in \d+ s\./).waitFor();
    expect(await rows(page).count()).toBe(12);
    played!.server.full(undefined);
    await banner.getByRole("button", { name: "Try now" }).click();
    await page.getByTestId("connection").getByText("live", { exact: true }).waitFor();
  });
});

describe("more pulls than a browser can follow", () => {
  it("are said so; sums and the first rows are live all the same", async () => {
    const page = await open("very-many");
    await page.getByTestId("summarised-banner").getByText("More pulls than a page can follow.").waitFor();
    await page.getByTestId("figure-active").getByText("10,500", { exact: true }).waitFor();
    const [shown] = await rows(page).all();
    const id = await shown!.getAttribute("data-pull");
    const pull = played!.state.pulls.find((one) => one.id === id)!;
    const updatedAt = new Date().toISOString();
    played!.server.emitPage({ ...scriptedPage(played!.state), rows: [{ id: pull.id, percent: 98, updatedAt }] });
    await page.locator(`[data-pull="${id}"]`).getByText("98 %", { exact: true }).waitFor();
    expect(played!.server.resumedFrom).toEqual([]);
  });
});
