import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { busyPulls, manyPulls, type Scene, sampleNodes, scenes } from "./testing/index.ts";
import { pageInBrowser } from "./testing/page-in-browser.ts";

const { open, played } = pageInBrowser();
const scene = (name: string): Scene => scenes.find((one) => one.name === name)!;
const rows = (page: Page) => page.locator("[role=row][data-pull]");
const names = (page: Page) => rows(page).locator(".row-toggle").allTextContents();

const sideways = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

describe("every state of the page", () => {
  it.each(scenes.map((one) => one.name))(
    "%s, wide and light, the other size and dark: axe finds nothing, nothing sticks out, nothing is blocked",
    async (name) => {
      const one = scene(name);
      // One of them moves meanwhile; the others stand still, which is twice as fast.
      const moving = { ...one, quiet: name !== "busy" };
      const { page, complaints } = await open(moving, { width: 1440 });
      const check = async (): Promise<void> => {
        const { violations } = await new AxeBuilder({ page })
          .options({ resultTypes: ["violations"] })
          // One frame, and so no second page to put the results together.
          .setLegacyMode(true)
          .analyze();
        expect(violations.map((violation) => `${violation.id} ${violation.nodes[0]?.html}`)).toEqual([]);
        expect(await sideways(page)).toBeLessThanOrEqual(0);
      };
      await check();
      await page.emulateMedia({ colorScheme: "dark" });
      const wall = one.query?.includes("kiosk") === true;
      await page.setViewportSize(wall ? { width: 3840, height: 2160 } : { width: 360, height: 800 });
      await check();
      expect(complaints).toEqual([]);
    },
  );
});

describe("the list", () => {
  it.each(["opened", "images-opened", "nodes"])(
    "%s: nothing sticks out from 360 px to 4K, no column is lost",
    async (name) => {
      const { page } = await open({ ...scene(name), quiet: true });
      for (const width of [360, 480, 839, 840, 1000, 1024, 1200, 1247, 1248, 1920, 3840]) {
        await page.setViewportSize({ width, height: 800 });
        expect(await sideways(page)).toBeLessThanOrEqual(0);
        if (width < 840) continue;
        const last = await page.getByRole("columnheader").last().boundingBox();
        expect(last!.x + last!.width).toBeLessThanOrEqual(width);
        const cells = await page.locator("[role=row][data-row]").first().locator("[role=cell]:visible").count();
        expect(cells).toBe(name === "opened" ? 8 : name === "nodes" ? 4 : 7);
      }
    },
  );

  it("10,000 rows: only those near the screen exist, and the last one can be reached", async () => {
    const { page } = await open(scene("many"));
    expect(await page.getByTestId("filter-count").textContent()).toBe("10,000 pulls");
    expect(await rows(page).count()).toBeLessThan(60);
    expect(await page.getByRole("table", { name: "Pulls" }).getAttribute("aria-rowcount")).toBe("10001");
    await page.keyboard.press("End");
    await page.locator('[role=row][aria-rowindex="10002"], [role=row][aria-rowindex="10001"]').first().waitFor();
    expect(await rows(page).count()).toBeLessThan(60);
  });

  it("shows what comes in while it is open, and after a cut line misses and doubles nothing", async () => {
    const { page } = await open({ ...scene("busy"), quiet: true });
    const { server } = played();
    const template = busyPulls(Date.now())[1]!;
    const arriving = (id: string): void =>
      server.emitPull({
        ...template,
        id,
        imageRef: `registry.example/team/${id}:1`,
        startedAt: new Date().toISOString(),
      });
    arriving("one");
    await page.getByRole("button", { name: "team/one:1" }).waitFor();
    expect((await names(page))[0]).toBe("team/one:1");
    server.offline(true);
    await page
      .getByTestId("connection")
      .getByText(/^reconnecting, data \d+ s old$/)
      .waitFor();
    await page.getByTestId("stale-banner").waitFor();
    arriving("two");
    server.offline(false);
    await page.getByRole("button", { name: "team/two:1" }).waitFor();
    await page.getByTestId("connection").getByText("live", { exact: true }).waitFor();
    await expect.poll(() => names(page)).toHaveLength(14);
    const all = await names(page);
    expect(new Set(all).size).toBe(14);
    expect(server.listReads()).toBe(1);
  });

  it("a restarted server is taken over whole", async () => {
    const { page } = await open({ ...scene("busy"), quiet: true });
    played().state.pulls = busyPulls(Date.now()).slice(0, 2);
    played().server.restart();
    await page.getByTestId("filter-count").getByText("2 pulls", { exact: true }).waitFor();
    await expect.poll(() => names(page)).toHaveLength(2);
  });

  it("does not move under the pointer: what is new waits and is counted", async () => {
    const { page } = await open({ ...scene("busy"), quiet: true });
    const before = await names(page);
    await rows(page).nth(3).hover();
    played().server.emitPull({ ...busyPulls(Date.now())[1]!, id: "new", imageRef: "r.example/team/new:1" });
    await page.getByRole("button", { name: /1 new pull/ }).waitFor();
    expect(await names(page)).toEqual(before);
    await page.mouse.move(10, 10);
    await page.getByRole("button", { name: "team/new:1" }).waitFor();
  });
});

describe("working with it", () => {
  it("the filter stands in the URL, is read from it, and one click clears it", async () => {
    const { page } = await open({ ...scene("busy"), quiet: true, query: "?tenant=checkout" });
    expect(await rows(page).count()).toBe(2);
    await page.getByRole("searchbox", { name: "Filter by text" }).fill("cart");
    await page.waitForURL((url) => url.search === "?q=cart&tenant=checkout");
    await page.getByTestId("filter-count").getByText("1 of 12 pulls").waitFor();
    await page.getByLabel("Phase").selectOption("failed");
    await page.getByRole("heading", { name: "No pull matches the filter" }).waitFor();
    await page.getByRole("button", { name: "Show all pulls", exact: true }).click();
    await page.getByTestId("filter-count").getByText("12 pulls", { exact: true }).waitFor();
    expect(new URL(page.url()).search).toBe("");
    expect(await page.getByRole("searchbox").inputValue()).toBe("");
  });

  it("grouped by image: the switch stands in the URL, a row says how many nodes have it, and opens into its nodes", async () => {
    const { page } = await open({ ...scene("images"), quiet: true, query: "?q=storefront" });
    await page.getByRole("switch", { name: "Group by image" }).check();
    await page.waitForURL((url) => url.search === "?q=storefront&group=image");
    const row = page.locator('[data-image$="checkout/storefront:4.18.0"]');
    await row.getByText("3 of 6 nodes have it").waitFor();
    await row.getByText("worker-04", { exact: true }).waitFor();
    expect(await row.getByRole("img").getAttribute("aria-label")).toBe(
      "Nodes: 3 done, 1 unpacking, 1 downloading, 1 failed",
    );
    await row.getByRole("button").click();
    const nodes = page.getByRole("table", { name: /^Pulls of checkout\/storefront/ });
    await expect.poll(() => nodes.getByRole("row").count()).toBe(7);
    const last = busyPulls(Date.now())[0]!;
    played().server.emitPull({
      ...played().state.pulls.find((pull) => pull.id === "s4")!,
      phase: "done",
      percent: 100,
      completedAt: last.updatedAt,
    });
    await row.getByText("4 of 6 nodes have it").waitFor();
    await page.keyboard.press("Escape");
    await nodes.waitFor({ state: "detached" });
    await page.keyboard.press("i");
    await page.waitForURL((url) => url.search === "?q=storefront");
    await expect.poll(() => rows(page).count()).toBe(6);
  });

  it("grouped by image, a pull that waits for another's layer says whose, in the row and in its nodes", async () => {
    const query = "?group=image&q=training-runner";
    const { page } = await open({ ...scene("busy"), quiet: true, query, opens: "training-runner" });
    const waits = "waits for analytics/notebook:cuda-12.6";
    await page.locator('[data-image*="training-runner"] .cell-slowest').getByText(waits).waitFor();
    await page
      .getByRole("table", { name: /^Pulls of .*training-runner/ })
      .getByText(waits)
      .waitFor();
    expect(await page.getByText("waits for a free slot").count()).toBe(0);
  });

  it("a row says how many tries of its image failed before it", async () => {
    const { page } = await open({ ...scene("opened"), quiet: true });
    const left = page.locator('[data-pull="p04"] .cell-left');
    await expect.poll(() => left.textContent()).toMatch(/, 2\sfailed\sbefore$/);
  });

  it("an opened row says why it takes so long, and when each layer waited, downloaded and unpacked", async () => {
    const { page } = await open({ ...scene("opened"), quiet: true });
    const details = page.getByRole("region", { name: /^Details of payments\/fraud-model/ });
    await details.getByText("and one layer is one stream").waitFor();
    const words = await details.locator(".timeline-words").allTextContents();
    expect(words[0]).toMatch(/^waited \d+ s, downloaded \d+ s, unpacked \d+ s$/);
    expect(words.at(-1)).toMatch(/^waiting for/);
    await details.getByText("412 MiB, 100 %").waitFor();
  });

  it("nodes: silent first, followed live; a node leads to its pulls, also by keyboard", async () => {
    const { page } = await open({ ...scene("busy"), quiet: true });
    await page.keyboard.press("n");
    await page.waitForURL((url) => url.pathname === "/nodes");
    const nodes = page.locator("[role=row][data-node]");
    await nodes
      .first()
      .getByText(/^silent for/)
      .waitFor();
    expect(await nodes.locator(".row-toggle").allTextContents()).toEqual([
      "worker-06",
      "worker-01",
      "worker-02",
      "worker-03",
      "worker-04",
      "worker-05",
    ]);
    const pull = played().state.pulls.find((one) => one.id === "p01")!;
    played().server.emitPull({ ...pull, bytesPerSec: 512 * 1024 ** 2, updatedAt: new Date().toISOString() });
    await page.locator('[data-node="worker-03"]').getByText("512 MiB/s").waitFor();
    for (let turn = 0; turn < 4; turn += 1) await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.waitForURL((url) => `${url.pathname}${url.search}` === "/?node=worker-03");
    await expect.poll(() => rows(page).count()).toBe(2);
    await page.getByRole("link", { name: "Nodes" }).click();
    await page.getByRole("heading", { name: "Nodes", exact: true }).waitFor();
    await page.goBack();
    await page.getByRole("heading", { name: "Pulls", exact: true }).waitFor();
  });

  it("a wall screen shows the same picture at 1080p and 4K, larger and without the chrome", async () => {
    const { page } = await open({ ...scene("kiosk"), quiet: true });
    const size = async (width: number, height: number): Promise<number> => {
      await page.setViewportSize({ width, height });
      return page.evaluate(() => Number.parseFloat(getComputedStyle(document.querySelector(".row-toggle")!).fontSize));
    };
    const ordinary = await size(1280, 720);
    expect(await size(1920, 1080)).toBeCloseTo(ordinary * 1.5);
    expect(await size(3840, 2160)).toBeCloseTo(ordinary * 3);
    expect(await page.getByRole("search").isVisible()).toBe(false);
    expect(await page.getByRole("link", { name: "Nodes" }).isVisible()).toBe(false);
    await page.getByTestId("connection").getByText("live", { exact: true }).waitFor();
  });

  it("a stream that the server ends is taken up again without alarm", async () => {
    const { page } = await open({ ...scene("busy"), quiet: true }, { width: 1280, ownClock: true });
    // Long enough for an ordinary end, and not so long that a silent line counts as dead.
    await page.clock.fastForward(12_000);
    await page.evaluate(() => {
      const seen: string[] = [];
      Object.assign(window, { seen });
      const badge = document.querySelector("[data-testid=connection]")!;
      new MutationObserver(() => seen.push(badge.textContent)).observe(badge, {
        subtree: true,
        characterData: true,
        childList: true,
      });
    });
    played().server.endStreams();
    await expect.poll(() => played().server.resumedFrom.length).toBe(2);
    played().server.emitPull({ ...busyPulls(Date.now())[1]!, id: "after", imageRef: "r.example/team/after:1" });
    await page.clock.fastForward(2_000);
    await page.getByRole("button", { name: "team/after:1" }).waitFor();
    expect(await page.evaluate(() => (window as unknown as { seen: string[] }).seen)).toEqual([]);
  });

  it("keys: / filters, j and k move, Enter opens, Esc closes, ? explains", async () => {
    const { page } = await open({ ...scene("busy"), quiet: true });
    const focusedText = (): Promise<string> => page.evaluate(() => document.activeElement?.textContent ?? "");
    await page.keyboard.press("/");
    expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe("Filter by text");
    await page.keyboard.press("Escape");
    const [first, second] = await names(page);
    await page.keyboard.press("j");
    expect(await focusedText()).toBe(first);
    await page.keyboard.press("j");
    expect(await focusedText()).toBe(second);
    await page.keyboard.press("k");
    expect(await focusedText()).toBe(first);
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.getByRole("region", { name: `Details of ${second}` }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("region", { name: `Details of ${second}` }).waitFor({ state: "detached" });
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog", { name: "Keys" }).waitFor({ state: "hidden" });
  });

  it("j reaches rows that are not on the screen yet", async () => {
    const { page } = await open({ ...scene("many"), quiet: true, pulls: (now) => manyPulls(400, now) });
    for (let turn = 0; turn < 60; turn += 1) await page.keyboard.press("j");
    const index = (): Promise<string | null | undefined> =>
      page.evaluate(() => document.activeElement?.closest("[role=row]")?.getAttribute("aria-rowindex"));
    await expect.poll(index).toBe("61");
  });

  it("the chosen theme outlives the page", async () => {
    const { page } = await open({ ...scene("no-pulls"), quiet: true });
    const ground = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await page.getByRole("radio", { name: "dark" }).check({ force: true });
    const dark = await ground();
    expect(dark).not.toBe(light);
    await page.reload();
    await page.getByRole("heading", { name: "No pull is running now" }).waitFor();
    expect(await ground()).toBe(dark);
  });

  it.each(["signed-out", "no-pulls"])("the word on the connection is whole on a telephone: %s", async (name) => {
    const { page } = await open({ ...scene(name), quiet: true }, { width: 360 });
    const cut = await page.locator(".connection-words").evaluate((words) => words.scrollWidth - words.clientWidth);
    expect(cut).toBe(0);
  });

  it("signing in: a wrong token is refused in words, a right one shows the pulls", async () => {
    const { page } = await open(scene("signed-out"));
    await page.getByLabel("Token").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").getByText("does not accept this token").waitFor();
    await page.getByLabel("Token").fill("secret");
    await page.keyboard.press("Enter");
    await page.getByTestId("connection").getByText("live", { exact: true }).waitFor();
    await expect.poll(() => rows(page).count()).toBe(12);
  });

  it("the first agent turns the lesson into the list", async () => {
    const look = { width: 1280, ownClock: true };
    const { page } = await open({ ...scene("no-agent"), quiet: true }, look);
    expect(await page.locator(".command code").textContent()).toContain(`--server-url ${played().server.url}`);
    played().state.nodes = sampleNodes(["worker-01"], [], Date.now());
    await page.clock.fastForward(6_000);
    await page.getByTestId("figure-nodes").getByText("1 of 1").waitFor();
    await page.getByRole("heading", { name: "No pull is running now" }).waitFor();
  });
});
