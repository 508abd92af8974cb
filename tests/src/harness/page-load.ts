import { setTimeout as sleep } from "node:timers/promises";
import { complaintsOf, launchBrowser } from "./browser.ts";
import { startWaybill } from "./waybill.ts";

export interface PageLoad {
  /** Events that the server told, and that the page was sent, per second. */
  readonly eventsPerSecond: number;
  /** Frames in which rows changed, and the most often that they changed within one. */
  readonly drawnFrames: number;
  readonly mostDrawsInAFrame: number;
  /** Of one core, in the page's main thread (its own processor time, so that others on the machine do not count). */
  readonly cores: number;
  /** Bytes after a collection: at equal distances. */
  readonly heaps: readonly number[];
  /** What the browser had to say, about the Content-Security-Policy too, which follows. */
  readonly complaints: readonly string[];
  readonly policy: string;
}

const nodes = 125;

/** A real Chromium on the page of a real server that 125 nodes report to, each with 8 events a second. */
export async function loadPage(seconds: number): Promise<PageLoad> {
  await using stack = new AsyncDisposableStack();
  const waybill = await startWaybill();
  stack.defer(() => waybill.close());
  const browser = await launchBrowser();
  stack.defer(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.addInitScript({ content: countDraws });

  const over = new AbortController();
  const begun = Date.now();
  const reporting = Promise.all(
    Array.from({ length: nodes }, async (_, index) => {
      await sleep((index * 1_000) / nodes);
      for (let turn = 1; !over.signal.aborted; turn += 1) {
        await fetch(`${waybill.url}/api/v1/report`, { method: "POST", body: JSON.stringify(reportOf(index, begun)) });
        await sleep(Math.max(0, begun + turn * 1_000 + (index * 1_000) / nodes - Date.now()));
      }
    }),
  );
  stack.defer(async () => {
    over.abort();
    await reporting;
  });

  const complaints = complaintsOf(page, { failedRequests: true });
  const document = await page.goto(waybill.url);
  await page.locator("[role=row][data-pull]").first().waitFor({ timeout: 150_000 });
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  await session.send("HeapProfiler.enable");
  const busySeconds = async (): Promise<number> => {
    const { metrics } = await session.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN;
  };
  const heap = async (): Promise<number> => {
    await session.send("HeapProfiler.collectGarbage");
    return (await session.send("Runtime.getHeapUsage")).usedSize;
  };
  const newest = async (): Promise<number> => {
    const list = (await (await fetch(`${waybill.url}/api/v1/pulls?node=none`)).json()) as { lastEventId: string };
    return Number(list.lastEventId.split("-")[1]);
  };

  await sleep(3_000);
  const heaps = [await heap()];
  const parts = Math.max(1, Math.round(seconds / 30));
  let cpu = 0;
  let measured = 0;
  const first = await newest();
  const startedAt = performance.now();
  for (let part = 0; part < parts; part += 1) {
    const [from, at] = [await busySeconds(), performance.now()];
    await sleep((seconds * 1_000) / parts);
    cpu += (await busySeconds()) - from;
    measured += performance.now() - at;
    // Outside of what is measured: collecting is our doing.
    heaps.push(await heap());
  }
  const eventsPerSecond = ((await newest()) - first) / ((performance.now() - startedAt) / 1_000);
  const draws = await page.evaluate<{ frames: number; most: number }>("window.draws");
  return {
    eventsPerSecond,
    drawnFrames: draws.frames,
    mostDrawsInAFrame: draws.most,
    cores: cpu / (measured / 1_000),
    heaps,
    complaints,
    policy: document?.headers()["content-security-policy"] ?? "",
  };
}

/** Runs in the page: how often rows change between two frames. React's commits are told one by one. */
const countDraws = `
  const draws = (window.draws = { frames: 0, most: 0 });
  let within = 0;
  new MutationObserver((records) => {
    const inRows = ({ target }) => (target instanceof Element ? target : target.parentElement)?.closest("[data-pull]");
    if (records.some(inRows)) within += 1;
  }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  const frame = () => {
    if (within > 0) draws.frames += 1;
    draws.most = Math.max(draws.most, within);
    within = 0;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);`;

function reportOf(index: number, begun: number): object {
  const arrived = (Date.now() - begun) * 1_000;
  return {
    nodeName: `node-${index}`,
    timestamp: new Date().toISOString(),
    reportIntervalMs: 1_000,
    pulls: [1, 2].map((pull) => ({
      id: `pull-${pull}`,
      imageRef: `r.example/team-${pull}/application-${index % 10}:1`,
      startedAt: new Date(begun).toISOString(),
      totalKnown: true,
      phase: "downloading",
      layers: [1, 2, 3].map((layer) => ({
        digest: `sha256:${String(pull * 10 + layer).padStart(64, "0")}`,
        mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
        totalBytes: 4e9,
        downloadedBytes: arrived * layer,
        totalKnown: true,
        phase: "downloading",
        startedAt: new Date(begun).toISOString(),
      })),
    })),
  };
}
