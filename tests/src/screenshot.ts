/**
 * Makes the screenshots of the README, light and dark: real pulls of a real containerd, on the page of a real server.
 * `npm run screenshot --workspace @waybill/tests`
 */
import { join } from "node:path";
import { launchBrowser } from "./harness/browser.ts";
import { setStage } from "./harness/stage.ts";
import { until } from "./harness/until.ts";

const mebibyte = 1024 * 1024;
const images = join(import.meta.dirname, "../../docs/images");
const layers = (...sizes: readonly (readonly [string, number])[]): { seed: string; sizeBytes: number }[] =>
  sizes.map(([seed, mebibytes]) => ({ seed, sizeBytes: mebibytes * mebibyte }));

const stage = await setStage({ tenants: ["payments", "search"], bytesPerSecond: 200 * mebibyte });
const browser = await launchBrowser();
try {
  const base: readonly [string, number] = ["base", 28];
  const earlier = await stage.publish("search/indexer", layers(base, ["indexer", 9]));
  await stage.containerd.pull(stage.referenceOf(earlier)).finished;
  const fraud = await stage.publish(
    "payments/fraud-model",
    layers(base, ["python", 34], ["model", 62], ["service", 4]),
  );
  const query = await stage.publish("search/query", layers(base, ["python", 34], ["query", 12]));

  const page = await browser.newPage({
    viewport: { width: 1200, height: 760 },
    deviceScaleFactor: 1.5,
  });
  await page.goto(stage.waybill.url);
  await page.getByRole("button", { name: "search/indexer" }).waitFor();
  stage.link.setRate(5 * mebibyte);
  for (const image of [fraud, query]) stage.containerd.pull(stage.referenceOf(image));
  await page.getByRole("button", { name: "payments/fraud-model" }).click();
  await until("a good moment", async () => ((await stage.row(fraud))?.percent ?? 0) > 55 || undefined);
  for (const [colorScheme, name] of [
    ["light", "pulls.png"],
    ["dark", "pulls-dark.png"],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(images, name) });
    process.stdout.write(`${join(images, name)}\n`);
  }
} finally {
  await browser.close();
  await stage[Symbol.asyncDispose]();
}
