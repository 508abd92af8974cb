import type { Page } from "playwright-core";
import type { NodeStatus, PullStatus } from "@waybill/pulltrace/contract";
import { manyPulls } from "./sample-many.ts";
import { busyPulls, rollOutPulls, sampleNodes } from "./sample-pulls.ts";
import { backOffPulls, timedRollOut } from "./sample-waiting.ts";
import { type ScriptedServer, type ScriptedState, startScriptedServer } from "./scripted-server.ts";

const workers = ["worker-01", "worker-02", "worker-03", "worker-04", "worker-05", "worker-06"];

/** A state of the page that is worth a look: what the server says, and what is done in the page. */
export interface Scene {
  readonly name: string;
  readonly pulls: (now: number) => PullStatus[];
  readonly nodes: (now: number) => NodeStatus[];
  /** Which page; without it the pulls. */
  readonly path?: "/nodes";
  /** Query of the page. */
  readonly query?: string;
  /** Keys to press once the page stands. */
  readonly keys?: readonly string[];
  /** Opens the row of this image. */
  readonly opens?: string;
  /** After the page stands: the server is gone. */
  readonly offline?: boolean;
  readonly token?: string;
  /** The server has no place for another stream, and says to come back after so many seconds. */
  readonly full?: number;
  /** Nothing moves by itself: the test tells what happens. */
  readonly quiet?: boolean;
}

export interface PlayedScene {
  readonly server: ScriptedServer;
  readonly state: ScriptedState;
  close(): Promise<void>;
}

const noPulls = (): PullStatus[] => [];
const nodes = (now: number): NodeStatus[] => sampleNodes(workers, ["worker-06"], now);
const manyNodes = (now: number): NodeStatus[] =>
  sampleNodes([...Array.from({ length: 30 }, (_, at) => `node-${at + 1}`), ...workers], [], now);
const finishedOnly = (now: number): PullStatus[] => busyPulls(now).filter((pull) => pull.phase === "done");

export const scenes: readonly Scene[] = [
  { name: "no-agent", pulls: noPulls, nodes: () => [] },
  { name: "no-pulls", pulls: noPulls, nodes },
  { name: "last-finished", pulls: finishedOnly, nodes },
  { name: "busy", pulls: busyPulls, nodes },
  { name: "opened", pulls: busyPulls, nodes, opens: "fraud-model" },
  { name: "waits-for-other", pulls: busyPulls, nodes, opens: "training-runner" },
  { name: "failed", pulls: busyPulls, nodes, query: "?phase=failed", opens: "embedding-server" },
  { name: "no-match", pulls: busyPulls, nodes, query: "?q=nothing-like-this&node=worker-01" },
  { name: "many", pulls: (now) => manyPulls(10_000, now), nodes },
  { name: "very-many", pulls: (now) => manyPulls(14_000, now), nodes },
  { name: "disconnected", pulls: busyPulls, nodes, offline: true },
  { name: "signed-out", pulls: busyPulls, nodes, token: "secret" },
  { name: "keys", pulls: busyPulls, nodes, keys: ["?"] },
  { name: "nodes", path: "/nodes", pulls: busyPulls, nodes },
  { name: "nodes-none", path: "/nodes", pulls: noPulls, nodes: () => [] },
  { name: "nodes-no-match", path: "/nodes", query: "?q=nothing-like-this", pulls: noPulls, nodes },
  { name: "nodes-kiosk", path: "/nodes", query: "?kiosk", pulls: busyPulls, nodes },
  { name: "images", query: "?group=image", pulls: rollOutPulls, nodes },
  { name: "images-opened", query: "?group=image", pulls: rollOutPulls, nodes, opens: "checkout/storefront" },
  { name: "images-kiosk", query: "?group=image&kiosk", pulls: rollOutPulls, nodes },
  { name: "back-off", pulls: backOffPulls, nodes: manyNodes },
  { name: "back-off-opened", pulls: backOffPulls, nodes: manyNodes, query: "?node=node-1", opens: "team-a/web" },
  { name: "back-off-images", pulls: backOffPulls, nodes: manyNodes, query: "?group=image" },
  {
    name: "back-off-image-opened",
    pulls: backOffPulls,
    nodes: manyNodes,
    query: "?group=image&q=team-a",
    opens: "team-a/web",
  },
  { name: "back-off-kiosk", pulls: backOffPulls, nodes: manyNodes, query: "?kiosk" },
  { name: "not-begun", pulls: backOffPulls, nodes: manyNodes, query: "?phase=waiting", opens: "report-builder" },
  { name: "waiting-pods", pulls: backOffPulls, nodes: manyNodes, query: "?phase=active", opens: "fraud-model" },
  { name: "rollout-timed", pulls: timedRollOut, nodes, query: "?group=image", opens: "storefront" },
  { name: "server-full", pulls: busyPulls, nodes, full: 30 },
  { name: "kiosk", pulls: busyPulls, nodes, query: "?kiosk" },
  {
    name: "recording",
    pulls: (now) =>
      busyPulls(now)
        .slice(0, 4)
        .map((pull) => ({ ...pull, recording: true })),
    nodes,
    opens: "storefront",
  },
];

/** Starts the scene's server; running pulls report each second, as agents do. */
export async function playScene(scene: Scene, dist: string): Promise<PlayedScene> {
  const now = Date.now();
  const state: ScriptedState = { pulls: scene.pulls(now), nodes: scene.nodes(now) };
  const server = await startScriptedServer({ dist, state });
  if (scene.token !== undefined) server.require(scene.token);
  if (scene.full !== undefined) server.full(scene.full);
  let beat = 0;
  const timer = setInterval(() => {
    beat += 1;
    if (scene.quiet === true) return;
    for (const pull of state.pulls.slice(0, 1000)) {
      if (pull.completedAt === undefined && pull.phase !== "waiting") server.emitPull(later(pull, beat));
    }
  }, 1000);
  return {
    server,
    state,
    async close() {
      clearInterval(timer);
      await server.close();
    },
  };
}

/** The pull a second later; its speed wavers as real ones do. */
function later(pull: PullStatus, beat: number): PullStatus {
  const waver =
    1 + 0.35 * Math.sin(beat * 0.9 + pull.id.length + pull.startedAt.charCodeAt(18)) + 0.1 * Math.sin(beat * 2.3);
  const layers = pull.layers.map((layer) => {
    if (layer.phase !== "downloading") return layer;
    const downloadedBytes = Math.min(layer.totalBytes * 0.99, layer.downloadedBytes + layer.bytesPerSec * waver * 0.3);
    return { ...layer, downloadedBytes, percent: (downloadedBytes / layer.totalBytes) * 100 };
  });
  const downloadedBytes = layers.reduce((sum, layer) => sum + layer.downloadedBytes, 0);
  const speed = layers.reduce((sum, layer) => sum + layer.bytesPerSec, 0);
  const percent = pull.totalBytes > 0 ? Math.min(99, (downloadedBytes / pull.totalBytes) * 100) : 0;
  return { ...pull, layers, downloadedBytes, percent, bytesPerSec: speed * waver, updatedAt: new Date().toISOString() };
}

/** Waits until the page stands as the scene wants it. */
export async function sceneIsUp(page: Page, scene: Scene, offline: (cut: boolean) => void): Promise<void> {
  const title = scene.path === "/nodes" ? "Nodes" : "Pulls";
  await page.getByRole("heading", { name: title, exact: true }).waitFor();
  if (scene.full !== undefined) await page.getByTestId("connection").getByText("reconnecting").waitFor();
  else if (scene.token === undefined) await page.getByTestId("connection").getByText("live", { exact: true }).waitFor();
  else await page.getByRole("heading", { name: "Sign in" }).waitFor();
  if (scene.opens !== undefined) await page.getByRole("button", { name: scene.opens }).first().click();
  for (const key of scene.keys ?? []) await page.keyboard.press(key);
  if (scene.offline !== true) return;
  offline(true);
  await page.getByTestId("connection").getByText("reconnecting").waitFor();
}
