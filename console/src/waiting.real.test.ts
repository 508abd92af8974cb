import { sumWaits } from "@waybill/pulltrace/contract";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { backOffPulls, scenes, scriptedPage } from "./testing/index.ts";
import { pageInBrowser } from "./testing/page-in-browser.ts";

const browser = pageInBrowser();
const { played } = browser;

/** Nothing moves by itself. */
async function open(name: string, query?: string): Promise<Page> {
  const scene = scenes.find((one) => one.name === name)!;
  const { page } = await browser.open({ ...scene, quiet: true, ...(query === undefined ? {} : { query }) });
  return page;
}
const rows = (page: Page) => page.locator("[role=row][data-pull]");

describe("30 nodes in ImagePullBackOff", () => {
  it("are one sentence at the top, which leads to them, and disappears when they have their image", async () => {
    const page = await open("back-off");
    const [first] = await page.getByTestId("trouble").all();
    const sentence = first!.getByRole("link");
    await sentence
      .getByText(
        /^30 nodes cannot pull team-a\/web:2\.0: not found\. 30 pods wait, for up to \d+ min\. Next try (in \d+ s|about now)\.$/,
      )
      .waitFor();
    expect(await page.getByTestId("figure-pods").locator(".value").textContent()).toBe("58");
    const before = await sentence.textContent();
    await expect.poll(() => sentence.textContent()).not.toBe(before);
    await sentence.focus();
    await page.keyboard.press("Enter");
    await page.getByTestId("filter-count").getByText("30 of 39 pulls").waitFor();
    expect(new URL(page.url()).searchParams.get("failure")).toBe("not-found");
    expect(await rows(page).locator(".cell-phase").first().textContent()).toBe("failed");
    for (const pull of played().state.pulls.filter(({ id }) => id.startsWith("web-"))) {
      const { failure: _, error: __, waitsFor: ___, nextTryAt: ____, ...rest } = pull;
      played().server.emitPull({ ...rest, phase: "done", percent: 100, updatedAt: new Date().toISOString() });
    }
    await page.getByRole("heading", { name: "No pull matches the filter" }).waitFor();
    await expect.poll(() => page.getByTestId("trouble").count()).toBe(2);
  });

  it("a row says why and when it is tried again; opened, what to do and which pods wait, and it goes on by itself", async () => {
    const page = await open("back-off-opened");
    const row = page.locator('[data-pull="web-0"]');
    await row.locator(".cell-progress").getByText("has no such image, tag or digest.").waitFor();
    await row
      .locator(".cell-left")
      .getByText(/^next try (in about \d+\ss|about now), 4\sfailed$/)
      .waitFor();
    const details = page.getByRole("region", { name: /^Details of team-a\/web/ });
    await details.getByTestId("failure").getByText("Check repository and tag").waitFor();
    await details
      .getByTestId("tries")
      .getByText(/^4 failed tries, the last one .+ ago\. Next try (in \d+ s|about now)\./)
      .waitFor();
    await details
      .getByRole("list", { name: "Waiting pods (1)" })
      .getByText(/ImagePullBackOff, for \d+ min/)
      .waitFor();
    const pull = played().state.pulls.find(({ id }) => id === "web-0")!;
    const { failure: _, error: __, waitsFor: ___, nextTryAt: ____, completedAt: _____, ...rest } = pull;
    played().server.emitPull({ ...rest, phase: "resolving", updatedAt: new Date().toISOString() });
    await row.locator(".cell-phase").getByText("resolving").waitFor();
    await expect.poll(() => details.getByTestId("failure").count()).toBe(0);
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
    await row.getByText(/^next try (in about \d+ s|about now)$/).waitFor();
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
    await row.getByText(/^the last in .+ s(econds)?$/).waitFor();
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
    played().server.full(undefined);
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
    const pull = played().state.pulls.find((one) => one.id === id)!;
    const updatedAt = new Date().toISOString();
    played().server.emitPage({ ...scriptedPage(played().state), rows: [{ id: pull.id, percent: 98, updatedAt }] });
    await page.locator(`[data-pull="${id}"]`).getByText("98 %", { exact: true }).waitFor();
    expect(played().server.resumedFrom).toEqual([]);
  });

  it("what is wrong is the server's word on all of them, and not what the page knows of some", async () => {
    const page = await open("very-many");
    await page.getByTestId("summarised-banner").waitFor();
    const update = scriptedPage(played().state);
    const [failing] = backOffPulls(Date.now()).filter(({ id }) => id === "web-0");
    const waits = sumWaits();
    for (let node = 0; node < 3_000; node += 1)
      waits.add({ ...failing!, nodeName: `node-${node}`, pods: [{ ...failing!.pods[0]!, podName: `web-${node}` }] });
    played().server.emitPage({ ...update, waits: waits.result() });
    await page
      .getByTestId("trouble")
      .getByText(/^3,000 nodes cannot pull team-a\/web:2\.0: not found\. 3,000 pods wait,/)
      .waitFor();
    await page.getByTestId("figure-pods").getByText("3,000 cannot get their image").waitFor();
    await page.getByTestId("figure-failures").getByText("3,000", { exact: true }).waitFor();
    expect(played().state.pulls.some(({ id }) => id === "web-0")).toBe(false);
  });
});

describe("a roll-out among more pulls than a browser can follow", () => {
  it("is told by the server in the opened row: the page's own pulls of it may be a minute old", async () => {
    const page = await open("very-many", "?group=image&q=service-300:1.0.1");
    await page.getByTestId("summarised-banner").waitFor();
    const toggle = page.getByRole("button", { name: /service-300:1\.0\.1$/ }).first();
    await toggle.click();
    const told = page.getByTestId("rollout-now");
    await told.getByText(/^Now 0 of 1 node has it\. The last is node-\d+\.$/).waitFor();
    // The page itself hears nothing of it before it reads the list again.
    const { state } = played();
    state.pulls = state.pulls.map((pull) => (pull.phase === "downloading" ? { ...pull, phase: "done" } : pull));
    await told.getByText("Now 1 of 1 node has it.", { exact: true }).waitFor();
    // Otherwise the page knows more than any answer, and asks for none.
    const { page: few } = await browser.open({
      ...scenes.find(({ name: one }) => one === "images-opened")!,
      quiet: true,
    });
    await few.getByRole("table", { name: /^Pulls of .* by node$/ }).waitFor();
    expect(await few.getByTestId("rollout-now").count()).toBe(0);
  });
});

describe("pulls that are slow", () => {
  it("are told with their cause and whom it hits; the link leads to the worst", async () => {
    const page = await open("busy");
    const delay = page.getByTestId("delay");
    await delay.getByText(" on worker-03: one large layer. 5 pods wait.").waitFor();
    await delay.getByRole("link", { name: "payments/fraud-model:2026.11.2" }).click();
    await page.getByTestId("filter-count").getByText("1 of 12 pulls").waitFor();
    expect(await rows(page).first().getAttribute("data-pull")).toBe("p01");
  });
});
