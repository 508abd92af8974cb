import type { NodeStatus, PullStatus } from "@waybill/pulltrace/contract";
import { busyPulls, manyPulls, sampleNodes } from "./sample-pulls.ts";
import { startScriptedServer, type ScriptedServer } from "./scripted-server.ts";

const workers = ["worker-01", "worker-02", "worker-03", "worker-04", "worker-05", "worker-06"];

/** A state of the page that is worth a look: what the server says, and what is done in the page. */
export interface Scene {
  readonly name: string;
  readonly pulls: (now: number) => PullStatus[];
  readonly nodes: (now: number) => NodeStatus[];
  /** Query of the page. */
  readonly query?: string;
  /** Keys to press once the page stands. */
  readonly keys?: readonly string[];
  /** Opens the row of this image. */
  readonly opens?: string;
  /** After the page stands: the server is gone. */
  readonly offline?: boolean;
  readonly token?: string;
}

const noPulls = (): PullStatus[] => [];
const nodes = (now: number): NodeStatus[] => sampleNodes(workers, ["worker-06"], now);
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
  { name: "disconnected", pulls: busyPulls, nodes, offline: true },
  { name: "signed-out", pulls: busyPulls, nodes, token: "secret" },
  { name: "keys", pulls: busyPulls, nodes, keys: ["?"] },
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
export async function playScene(
  scene: Scene,
  dist: string,
): Promise<{ server: ScriptedServer; close(): Promise<void> }> {
  const now = Date.now();
  const state = { pulls: scene.pulls(now), nodes: scene.nodes(now) };
  const server = await startScriptedServer({ dist, state });
  if (scene.token !== undefined) server.require(scene.token);
  let beat = 0;
  const timer = setInterval(() => {
    beat += 1;
    for (const pull of state.pulls.slice(0, 1000)) {
      if (pull.completedAt === undefined) server.emitPull(later(pull, beat));
    }
  }, 1000);
  return {
    server,
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
