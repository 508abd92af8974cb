import type { Browser, Page } from "playwright-core";
import type { FakeApiServer } from "@waybill/foundation/testing";
import type { ImageList, PullList, WaitingPodList } from "@waybill/pulltrace/contract";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { complaintsOf, launchBrowser } from "./harness/browser.ts";
import { startFakeKubernetes } from "./harness/fake-kubernetes.ts";
import { until } from "./harness/until.ts";
import { startWaybill, type RunningWaybill } from "./harness/waybill.ts";

/**
 * Whoever may make a pod, pull an image or run an agent writes text that ends in a browser, in answers and in the log: names,
 * images, kubelet's and containerd's messages. The real server and the real page get it all; the API server is a fake one,
 * because a real one refuses most of these names.
 */

const markup = [
  `<img src=x onerror="window.broken=1">`,
  `<script>window.broken=1</script>`,
  `javascript:window.broken=1`,
  `"><svg/onload=window.broken=1>`,
  `'-window.broken=1-'\${window.broken=1}{{constructor.constructor("window.broken=1")()}}`,
] as const;
const secret = "hunter2hunter2hunter2";
const unprintable = "\u202e\u0000\u001b[31m\r\n\u2028\u200f";
const access = `https://bob:${secret}@blobs.example/x?X-Amz-Signature=${secret} Authorization: Bearer ${secret}`;
const name = (index: number): string => markup[index % markup.length] ?? "";
const text = (index: number): string => `${markup[index % markup.length]}${unprintable}`;

const stack = new AsyncDisposableStack();
let waybill: RunningWaybill;
let browser: Browser;

function hostilePods(api: FakeApiServer): void {
  const now = new Date().toISOString();
  for (const index of markup.keys()) {
    const image = `registry.example/${text(index)}`;
    const message = `Failed to pull image "${image}": ${text(index)} ${access}: not found`;
    const metadata = { name: `pod-${index}${name(index)}`, namespace: `team-${name(index)}`, uid: `uid-${index}` };
    const container = `main${name(index)}`;
    api.put("pods", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...metadata, creationTimestamp: now },
      spec: { nodeName: index === 0 ? `node${name(index)}` : "node-1", containers: [{ name: container, image }] },
      status: {
        phase: "Pending",
        conditions: [{ type: "PodScheduled", status: "True", lastTransitionTime: now }],
        containerStatuses: [{ name: container, state: { waiting: { reason: `ErrImagePull`, message } } }],
      },
    } as Parameters<FakeApiServer["put"]>[1]);
    api.put("events", {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `event-${index}`, namespace: metadata.namespace, creationTimestamp: now },
      involvedObject: { uid: metadata.uid },
      reason: "Failed",
      message,
      lastTimestamp: now,
      count: 3,
    } as Parameters<FakeApiServer["put"]>[1]);
  }
}

async function report(nodeName: string, error: string): Promise<void> {
  const now = new Date().toISOString();
  const layer = (letter: string, phase: string) => ({
    digest: `sha256:${letter.repeat(64)}`,
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    totalBytes: 50_000_000,
    downloadedBytes: 10_000_000,
    totalKnown: true,
    phase,
  });
  const pull = (id: string) => ({ id, imageRef: `registry.example/team/${id}:1`, startedAt: now, totalKnown: true });
  const pulls = [
    { ...pull("running"), phase: "downloading", layers: [layer("a", "downloading"), layer("b", "waiting")] },
    { ...pull("broken"), phase: "failed", completedAt: now, error, layers: [layer("c", "failed")] },
  ];
  const response = await fetch(`${waybill.url}/api/v1/report`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ nodeName, timestamp: now, reportIntervalMs: 60_000, pulls }),
  });
  expect([response.status, await response.text()]).toEqual([200, ""]);
}

const get = async <T>(path: string): Promise<T> => (await (await fetch(`${waybill.url}${path}`)).json()) as T;

beforeAll(async () => {
  const { api, kubeconfig } = stack.use(await startFakeKubernetes());
  hostilePods(api);
  const addresses = ["--http-addr", "127.0.0.1:0", "--metrics-addr", "127.0.0.1:0"];
  waybill = stack.adopt(
    await startWaybill(["pulltrace", "server", ...addresses], {
      PULLTRACE_KUBERNETES: kubeconfig,
      PULLTRACE_LOG_LEVEL: "debug",
    }),
    (running) => running.close(),
  );
  browser = stack.adopt(await launchBrowser(), (running) => running.close());
  for (const [index, nodeName] of ["node-1", "node-2"].entries()) await report(nodeName, `${text(index)} ${access}`);
  await until("a row for each pod's image", async () => {
    const { pulls } = await get<PullList>("/api/v1/pulls");
    const failing = pulls.filter(({ failure, pods }) => failure !== undefined && pods.length > 0);
    return failing.length === markup.length || undefined;
  });
});
afterAll(() => stack.disposeAsync());

describe("text that somebody made up", () => {
  it("comes to readers as it was, but for what cannot be shown and what gives access", async () => {
    const lists = await Promise.all([
      get<PullList>("/api/v1/pulls"),
      get<ImageList>("/api/v1/images"),
      get<WaitingPodList>("/api/v1/pods/waiting"),
    ]);
    const [{ pulls }] = lists;
    const told = JSON.stringify(lists);
    expect(told).not.toContain(secret);
    for (const one of markup) expect(told).toContain(JSON.stringify(one).slice(1, -1));
    expect(pulls.length).toBe(markup.length + 4);
    for (const { imageRef, error = "", failure, pods } of pulls) {
      const shown = [imageRef, error, failure?.sentence, failure?.advice, ...pods.map(({ image }) => image)].join(" ");
      expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    }
  });

  it("makes no line of its own in the log, and gives no access there", async () => {
    await waybill.waitForLine('"type":"pull.failed"');
    const lines = waybill.output().split("\n").filter(Boolean);
    const events = lines.filter((line) => line.includes("window.broken"));
    expect(events.length).toBeGreaterThanOrEqual(markup.length);
    for (const line of lines) expect(JSON.parse(line)).toHaveProperty("level");
    expect(waybill.output()).not.toContain(secret);
    expect(waybill.output()).not.toMatch(/[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|(?!\n)\p{Cc}/u);
  });

  it.each([
    ["/", markup],
    ["/?group=image", markup],
    ["/?kiosk", markup],
    ["/nodes", []],
    [`/?q=${encodeURIComponent(markup[0])}`, markup.slice(0, 1)],
  ])("is text on the real page, and nothing of it runs: %s", async (path, shown) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 2_000 }, reducedMotion: "reduce" });
    const page = await context.newPage();
    // No pull of these images with known layers was seen: what they take on a cold node is answered with 404.
    const complaints = complaintsOf(page);
    await page.goto(`${waybill.url}${path}`);
    await page.getByTestId("connection").getByText("live", { exact: true }).waitFor();
    await page.locator("[role=row][data-row]").first().waitFor();
    const toggles = page.locator(".row-toggle");
    const seen: string[] = [];
    for (let row = 0; row < (await toggles.count()); row += 1) {
      if (path === "/nodes") break;
      await toggles.nth(row).click();
      await page.locator(".row-detail").first().waitFor();
      seen.push(await page.locator("body").innerText());
      await page.keyboard.press("Escape");
    }
    seen.push(await page.locator("body").innerText());
    expect(await brokenIn(page)).toEqual({ broken: false, elements: 0, handlers: 0, links: 0 });
    expect(complaints).toEqual([]);
    const whole = seen.join("\n");
    expect(whole).not.toContain(secret);
    for (const one of shown) expect(whole).toContain(one);
    await context.close();
  });
});

/** What of the markup became more than text. */
function brokenIn(page: Page): Promise<unknown> {
  return page.evaluate(`({
    broken: "broken" in window,
    elements: document.querySelectorAll("img[src=x], svg[onload], body script").length,
    handlers: [...document.querySelectorAll("*")].filter((one) =>
      [...one.attributes].some(({ name }) => name.startsWith("on")),
    ).length,
    links: [...document.querySelectorAll("a")].filter(({ href }) => href.startsWith("javascript:")).length,
  })`);
}

describe("what the server sends along", () => {
  it("is a policy without exceptions on whatever is HTML, and on everything that nothing is guessed", async () => {
    const asPage = { accept: "text/html" };
    const answers = await Promise.all(
      [
        "/",
        "/nodes",
        "/anything",
        "/index.html",
        "/healthz",
        "/readyz",
        "/api/v1/pulls",
        "/api/v1/nothing",
        "/<b>",
      ].map(async (path) => fetch(`${waybill.url}${path}`, { headers: asPage })),
    );
    const pages = answers.filter(({ headers }) => headers.get("content-type")?.startsWith("text/html") === true);
    expect(pages.map(({ url }) => new URL(url).pathname)).toEqual(expect.arrayContaining(["/", "/nodes", "/anything"]));
    for (const { headers } of pages) {
      const policy = headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self';");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).toContain("base-uri 'none'");
      expect(policy).not.toMatch(/unsafe|\*|https?:/);
      expect(headers.get("referrer-policy")).toBe("no-referrer");
    }
    const refused = await fetch(`${waybill.url}/api/v1/report`, { method: "POST", body: markup[1] });
    const stream = await fetch(`${waybill.url}/api/v1/events`);
    await stream.body?.cancel();
    for (const { headers, url } of [...answers, refused, stream])
      expect([url, headers.get("x-content-type-options")]).toEqual([url, "nosniff"]);
    for (const { headers } of [refused, stream]) expect(headers.get("content-type")).not.toContain("html");
  });
});
