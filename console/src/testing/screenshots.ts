/**
 * Makes a picture of each scene, wide, narrow and dark, and has axe look at each.
 * node src/testing/screenshots.ts [FOLDER] [SCENE…]   (build the page first). Exit code 1 when axe finds a violation.
 */
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import type { Browser } from "playwright-core";
import { complaintsOf, launchBrowser } from "./chromium.ts";
import { playScene, type Scene, sceneIsUp, scenes } from "./scenes.ts";

const looks = [
  { name: "wide", width: 1440, height: 900, colorScheme: "light" },
  { name: "narrow", width: 360, height: 760, colorScheme: "light" },
  { name: "dark", width: 1440, height: 900, colorScheme: "dark" },
  { name: "narrow-dark", width: 360, height: 760, colorScheme: "dark" },
] as const;
/** The wall-screen view is for these. */
const walls = [
  { name: "1080p", width: 1920, height: 1080, colorScheme: "dark" },
  { name: "4k", width: 3840, height: 2160, colorScheme: "light" },
] as const;
type Look = (typeof looks | typeof walls)[number];

const dist = new URL("../../dist", import.meta.url).pathname;
const [folder = join(tmpdir(), "waybill-screenshots"), ...wanted] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const browser = await launchBrowser();
let violations = 0;
try {
  for (const scene of scenes) {
    if (wanted.length > 0 && !wanted.includes(scene.name)) continue;
    for (const look of scene.query?.includes("kiosk") === true ? walls : looks)
      violations += await shoot(browser, scene, look);
  }
} finally {
  await browser.close();
}
say(violations === 0 ? `Pictures in ${folder}; axe found no violation.` : `axe found ${violations} violations.`);
process.exitCode = violations === 0 ? 0 : 1;

async function shoot(browser: Browser, scene: Scene, look: Look): Promise<number> {
  const played = await playScene(scene, dist);
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height },
    colorScheme: look.colorScheme,
  });
  context.setDefaultTimeout(150_000);
  const page = await context.newPage();
  const complaints = complaintsOf(page);
  try {
    await page.goto(`${played.server.url}${scene.path ?? "/"}${scene.query ?? ""}`);
    await sceneIsUp(page, scene, (cut) => played.server.offline(cut));
    // Long enough for the small lines to show something.
    await page.waitForTimeout(scene.name === "busy" ? 9000 : 2500);
    await page.screenshot({ path: join(folder, `${scene.name}-${look.name}.png`) });
    const result = await new AxeBuilder({ page }).analyze();
    for (const violation of result.violations) {
      say(`${scene.name} ${look.name}: ${violation.id}: ${violation.help}`);
      for (const node of violation.nodes.slice(0, 3))
        say(`    ${node.html.slice(0, 160)}\n    ${node.failureSummary ?? ""}`);
    }
    const contrast = result.incomplete.find((one) => one.id === "color-contrast");
    const sideways = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    const faults = sideways > 0 ? [...complaints, `the page is ${sideways} px wider than the window`] : complaints;
    for (const complaint of faults) say(`${scene.name} ${look.name}: ${complaint}`);
    if (contrast !== undefined)
      say(
        `${scene.name} ${look.name}: contrast not decided on ${contrast.nodes.length} places: ${contrast.nodes[0]?.html.slice(0, 120)}`,
      );
    return result.violations.length + faults.length;
  } finally {
    await context.close();
    await played.close();
  }
}
