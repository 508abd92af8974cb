import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accessibilityViolations, complaintsOf, keepScreenshot, launchBrowser } from "./harness/browser.ts";
import { setOnCall, type OnCall } from "./harness/on-call.ts";

/**
 * 30 nodes in ImagePullBackOff, through the real server: what is slow or stuck, why, when it ends and whom it hits stands
 * on the first screen, before anything is pressed.
 */

let onCall: OnCall;
let browser: Browser;
/** On a machine that is slow enough the reckoned moments pass while the test runs. */
const nextTry = String.raw`(Next try (in about \d.*|about now)|Tried again by itself)\.`;
const causes = [
  `^20 nodes cannot pull checkout/storefront:4\\.18\\.0: no access\\. 57 pods wait, for up to \\d+ min\\. ${nextTry}$`,
  `^6 nodes cannot pull 2 images of docker\\.io: rate limit of the registry\\. 6 pods wait, for up to \\d+ min\\. ${nextTry}$`,
  `^2 nodes cannot pull search/indexer:9\\.1: disk full\\. 4 pods wait, for up to \\d+ min\\. ${nextTry}$`,
  `^2 nodes cannot pull reports/nightly-batch:2\\.0: not found\\. 2 pods wait, for up to \\d+ min\\. ${nextTry}$`,
].map((line) => new RegExp(line));

async function open(look: {
  readonly width: number;
  readonly height: number;
  readonly colorScheme?: "light" | "dark";
  readonly query?: string;
}): Promise<{ page: Page; complaints: readonly string[] }> {
  const { width, height, colorScheme = "light", query = "" } = look;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: "reduce" });
  context.setDefaultTimeout(150_000);
  const page = await context.newPage();
  const complaints = complaintsOf(page);
  await page.goto(`${onCall.waybill.url}/${query}`);
  await page.getByTestId("connection").getByText("live", { exact: true }).waitFor();
  return { page, complaints };
}
/** Its end is above the lower edge of the window, which nobody has scrolled. */
async function onFirstScreen(page: Page, line: ReturnType<Page["locator"]>): Promise<void> {
  const box = await line.boundingBox();
  expect((box?.y ?? Infinity) + (box?.height ?? 0)).toBeLessThanOrEqual(page.viewportSize()?.height ?? 0);
}

beforeAll(async () => {
  onCall = await setOnCall();
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await onCall?.[Symbol.asyncDispose]();
});

describe("30 nodes in ImagePullBackOff, as the engineer on call opens the page", () => {
  it.each([
    { name: "wide", width: 1440, height: 900 },
    { name: "dark", width: 1440, height: 900, colorScheme: "dark" },
    { name: "narrow", width: 360, height: 760 },
    { name: "kiosk", width: 1920, height: 1080, query: "?kiosk", colorScheme: "dark" },
  ] as const)("$name: each cause is a line on the first screen", async ({ name, ...look }) => {
    const { page, complaints } = await open(look);
    const troubles = page.getByTestId("trouble");
    for (const [index, cause] of causes.entries()) {
      const line = troubles.nth(index).locator("a");
      await line.getByText(cause).waitFor();
      await onFirstScreen(page, line);
    }
    expect(await troubles.count()).toBe(causes.length);
    const delay = page.getByTestId("delay");
    await delay
      .getByText(/and 1 more pull on 2 nodes: one large layer\. 4 pods wait\. Over in about \d+ min/)
      .waitFor();
    await onFirstScreen(page, delay);
    await page.getByTestId("figure-pods").getByText("73", { exact: true }).waitFor();
    await page.getByTestId("figure-pods").getByText("69 cannot get their image").waitFor();
    await page.getByTestId("figure-failures").getByText("30", { exact: true }).waitFor();
    expect(await accessibilityViolations(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await keepScreenshot(page, `on-call-${name}`);
    await page.context().close();
  });

  it("a cause leads to its nodes, one of them opened says what to do, and when it is mended the line goes by itself", async () => {
    const { page, complaints } = await open({ width: 1440, height: 900 });
    const [storefront, others] = [page.getByTestId("trouble").filter({ hasText: "storefront" }), causes.slice(1)];
    await storefront.getByText("imagePullSecrets").waitFor();
    await storefront.getByRole("link").click();
    await page.getByTestId("filter-count").getByText("20 of 32 pulls").waitFor();
    await page.getByRole("button", { name: "checkout/storefront" }).first().click();
    const details = page.getByRole("region", { name: /^Details of checkout\/storefront/ });
    await details.getByTestId("failure").getByText("does not let this node pull the image").waitFor();
    await details
      .getByTestId("tries")
      .getByText(/^6 failed tries/)
      .waitFor();
    await details
      .getByText(/ImagePullBackOff, for \d+ min/)
      .first()
      .waitFor();
    await keepScreenshot(page, "on-call-opened");
    onCall.mend();
    await storefront.waitFor({ state: "detached" });
    await page.getByTestId("figure-pods").getByText("16", { exact: true }).waitFor();
    for (const cause of others) await page.getByTestId("trouble").locator("a").getByText(cause).waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
