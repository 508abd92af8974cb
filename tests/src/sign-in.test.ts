import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accessibilityViolations, keepScreenshot, launchBrowser } from "./harness/browser.ts";
import { runWaybill, startWaybill, type RunningWaybill } from "./harness/waybill.ts";

/** The page of a server with authentication, in a real Chromium. */

const key = { JWT_SIGNING_KEY: "a key for tests, longer than thirty-two bytes" };
const running: RunningWaybill[] = [];
let browser: Browser;

beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  for (const waybill of running) await waybill.close();
});

describe("the page of a server with authentication", () => {
  it.each([
    ["the whole", []],
    ["the pull server alone", ["pulltrace", "server", "--http-addr", "127.0.0.1:0", "--metrics-addr", "127.0.0.1:0"]],
  ])("%s: asks for a token, refuses a wrong one in words, and lets the right one in", async (_, parameters) => {
    const waybill = await startWaybill(parameters, key);
    running.push(waybill);
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(waybill.url);
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    expect(await accessibilityViolations(page)).toEqual([]);
    await page.getByLabel("Token").fill("not a token");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").waitFor();
    await keepScreenshot(page, "sign-in");

    const { stdout } = await runWaybill(["kubenova", "token", "create", "--role", "admin", "--ttl", "1h"], key);
    await page.getByLabel("Token").fill(stdout.trim());
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByTestId("connection").getByText("live", { exact: true }).waitFor();
    await page.reload();
    await page.getByTestId("connection").getByText("live", { exact: true }).waitFor();
    const cookies = await context.cookies();
    expect(cookies.map(({ httpOnly, sameSite }) => ({ httpOnly, sameSite }))).toEqual([
      { httpOnly: true, sameSite: "Strict" },
    ]);
  });
});
