import { rm } from "node:fs/promises";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll } from "vitest";
import { buildPage } from "./built-page.ts";
import { complaintsOf, launchBrowser } from "./chromium.ts";
import { type PlayedScene, playScene, type Scene, sceneIsUp } from "./scenes.ts";

export interface Look {
  readonly width: number;
  readonly height?: number;
  readonly colorScheme?: "light" | "dark";
  /** The test moves the page's clock. */
  readonly ownClock?: boolean;
}

export interface PageInBrowser {
  /** Opens the scene, and collects what the browser complains about. */
  readonly open: (
    scene: Scene,
    look?: Look,
  ) => Promise<{ readonly page: Page; readonly complaints: readonly string[] }>;
  /** The scene that was opened last. */
  readonly played: () => PlayedScene;
}

/**
 * The built page in Chromium, before a server that plays a scene. To be called once at the top of a test file: what it
 * opens is closed after each test. Not in this folder's face, which works without vitest as well.
 */
export function pageInBrowser(): PageInBrowser {
  let dist = "";
  let browser: Browser | undefined;
  let context: BrowserContext | undefined;
  let scenePlayed: PlayedScene | undefined;
  beforeAll(async () => {
    dist = await buildPage();
    browser = await launchBrowser();
  });
  afterEach(async () => {
    await context?.close();
    await scenePlayed?.close();
    scenePlayed = undefined;
  });
  afterAll(async () => {
    await browser?.close();
    await rm(dist, { recursive: true, force: true });
  });
  const played = (): PlayedScene => {
    if (scenePlayed === undefined) throw new Error("No scene was opened.");
    return scenePlayed;
  };
  return {
    played,
    async open(scene, { width, height = 800, colorScheme = "light", ownClock = false } = { width: 1280 }) {
      scenePlayed = await playScene(scene, dist);
      if (browser === undefined) throw new Error("Chromium did not start.");
      context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: "reduce" });
      // When a wait is given up: a busy machine proves nothing.
      context.setDefaultTimeout(150_000);
      const page = await context.newPage();
      if (ownClock) await page.clock.install();
      const complaints = complaintsOf(page);
      const { server } = scenePlayed;
      await page.goto(`${server.url}${scene.path ?? "/"}${scene.query ?? ""}`);
      await sceneIsUp(page, scene, (cut) => server.offline(cut));
      return { page, complaints };
    },
  };
}
