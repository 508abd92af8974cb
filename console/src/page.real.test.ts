import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { AxeBuilder } from "@axe-core/playwright";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  busyPulls,
  launchOptions,
  manyPulls,
  type PlayedScene,
  playScene,
  type Scene,
  sampleNodes,
  sceneIsUp,
  scenes,
} from "./testing/index.ts";

const room = new URL("..", import.meta.url).pathname;
let dist: string;
let browser: Browser | undefined;
let context: BrowserContext | undefined;
let played: PlayedScene | undefined;

beforeAll(async () => {
  dist = await mkdtemp(join(tmpdir(), "waybill-page-"));
  // In a process of its own: vitest's NODE_ENV would make it a development build.
  const vite = join(room, "../node_modules/vite/bin/vite.js");
  const env = { ...process.env, NODE_ENV: "production" };
  await promisify(execFile)(process.execPath, [vite, "build", "--outDir", dist, "--emptyOutDir"], { cwd: room, env });
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

/** Opens the scene; everything that the browser complains about (also Content-Security-Policy) is collected. */
async function open(
  scene: Scene,
  look: { width: number; colorScheme: "light" | "dark" } = { width: 1280, colorScheme: "light" },
): Promise<{ page: Page; complaints: string[] }> {
  played = await playScene(scene, dist);
  if (browser === undefined) throw new Error("Chromium did not start.");
  context = await browser.newContext({
    viewport: { width: look.width, height: 800 },
    colorScheme: look.colorScheme,
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      complaints.push(message.text());
  });
  await page.goto(`${played.server.url}${scene.path ?? "/"}${scene.query ?? ""}`);
  await sceneIsUp(page, scene, (cut) => played?.server.offline(cut));
  return { page, complaints };
}

const scene = (name: string): Scene => scenes.find((one) => one.name === name)!;
const rows = (page: Page) => page.locator("[role=row][data-pull]");
const names = (page: Page) => rows(page).locator(".row-toggle").allTextContents();

describe("every state of the page", () => {
  const looks = [
    { width: 1440, colorScheme: "light" },
    { width: 360, colorScheme: "dark" },
  ] as const;
  for (const one of scenes) {
    for (const look of looks) {
      it(`${one.name}, ${look.width} px, ${look.colorScheme}: axe finds nothing, nothing sticks out, nothing is blocked`, async () => {
        const { page, complaints } = await open(one, look);
        const { violations } = await new AxeBuilder({ page }).analyze();
        expect(violations.map((violation) => `${violation.id} ${violation.nodes[0]?.html}`)).toEqual([]);
        const sticksOut = await page.evaluate(
          () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
        );
        expect(sticksOut).toBe(false);
        expect(complaints).toEqual([]);
      });
    }
  }
});

describe("the list", () => {
  it.each([360, 480, 839, 840, 1024, 1247, 1248, 1920, 3840])("%d px: nothing sticks out", async (width) => {
    const { page } = await open({ ...scene("opened"), quiet: true }, { width, colorScheme: "light" });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(over).toBeLessThanOrEqual(0);
  });

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
    const { server } = played!;
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
    const all = await names(page);
    expect(all).toHaveLength(14);
    expect(new Set(all).size).toBe(14);
    expect(server.listReads()).toBe(1);
  });

  it("a restarted server is taken over whole", async () => {
    const { page } = await open({ ...scene("busy"), quiet: true });
    played!.state.pulls = busyPulls(Date.now()).slice(0, 2);
    played!.server.restart();
    await page.getByTestId("filter-count").getByText("2 pulls", { exact: true }).waitFor();
    expect(await names(page)).toHaveLength(2);
  });

  it("does not move under the pointer: what is new waits and is counted", async () => {
    const { page } = await open({ ...scene("busy"), quiet: true });
    const before = await names(page);
    await rows(page).nth(3).hover();
    played!.server.emitPull({ ...busyPulls(Date.now())[1]!, id: "new", imageRef: "r.example/team/new:1" });
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

  it("signing in: a wrong token is refused in words, a right one shows the pulls", async () => {
    const { page } = await open(scene("signed-out"));
    await page.getByLabel("Token").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").getByText("does not accept this token").waitFor();
    await page.getByLabel("Token").fill("secret");
    await page.keyboard.press("Enter");
    await page.getByTestId("connection").getByText("live", { exact: true }).waitFor();
    expect(await rows(page).count()).toBe(12);
  });

  it("the first agent turns the lesson into the list", async () => {
    const { page } = await open({ ...scene("no-agent"), quiet: true });
    expect(await page.locator(".command code").textContent()).toContain(`--server-url ${played!.server.url}`);
    played!.state.nodes = sampleNodes(["worker-01"], [], Date.now());
    await page.getByTestId("figure-nodes").getByText("1 of 1").waitFor();
    await page.getByRole("heading", { name: "No pull is running now" }).waitFor();
  });
});
