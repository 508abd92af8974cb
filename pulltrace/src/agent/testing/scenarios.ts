/**
 * Plays scenes on a real containerd and keeps what the agent saw of them, for the unit tests of the attribution.
 * Run by hand as root: `node pulltrace/src/agent/testing/scenarios.ts [scene…]`; with `RELEASE=2.2` on that containerd,
 * into files of that name.
 */
import { writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import {
  containerdPrograms,
  type MadeLayer,
  type RateLimitedProxy,
  rateLimitedProxy,
  type RunningContainerd,
  startContainerd,
  startMadeRegistry,
} from "../../testing/index.ts";
import { attribute, emptyState, glance, questionsOf } from "../attribution/index.ts";
import { containerdClient, openChannel } from "../containerd/index.ts";
import { createObserver } from "../observation/index.ts";
import { keepMoments, type Moment } from "./moments.ts";

const MiB = 1024 * 1024;
const baseLayer: MadeLayer = { seed: 1, bytes: 6 * MiB };
const images: Record<string, { layers: MadeLayer[]; index: boolean }> = {
  "team/a:v1": { layers: [baseLayer, { seed: 2, bytes: 8 * MiB }, { seed: 3, bytes: 3 * MiB }], index: true },
  "team/b:v2": { layers: [baseLayer, { seed: 4, bytes: 5 * MiB }], index: false },
};

interface Stage {
  readonly containerd: RunningContainerd;
  readonly proxy: RateLimitedProxy;
  readonly ref: (name: string) => string;
}

const scenes: Record<string, { about: string; rate: number; play: (stage: Stage) => Promise<void> }> = {
  "two-at-once": {
    about: "team/a:v1 is pulled, 700 ms later team/b:v2, which shares its base layer",
    rate: 5 * MiB,
    async play({ containerd, ref }) {
      const first = containerd.pull(ref("team/a:v1"));
      await delay(700);
      const second = containerd.pull(ref("team/b:v2"));
      await Promise.all([first.finished, second.finished]);
      await delay(1_500);
    },
  },
  cached: {
    about: "team/a:v1 is on the node; team/b:v2 is pulled and needs one layer more; then team/a:v1 again",
    rate: 3 * MiB,
    async play({ containerd, ref, proxy }) {
      proxy.setRate(200 * MiB);
      await containerd.pull(ref("team/a:v1")).finished;
      await delay(1_500);
      proxy.setRate(2 * MiB);
      await containerd.pull(ref("team/b:v2")).finished;
      await delay(1_500);
      await containerd.pull(ref("team/a:v1")).finished;
      await delay(1_500);
    },
  },
  "client-killed": {
    about: "ctr is killed while team/a:v1 downloads; ten seconds later the image is pulled again, to its end",
    rate: 2 * MiB,
    async play({ containerd, ref, proxy }) {
      const first = containerd.pull(ref("team/a:v1"));
      await delay(3_200);
      first.abort("SIGKILL");
      await delay(7_000);
      proxy.setRate(6 * MiB);
      await containerd.pull(ref("team/a:v1")).finished;
      await delay(1_500);
    },
  },
  "link-cut": {
    about: "the registry's connections are reset while team/a:v1 downloads, and no new one is taken",
    rate: 2 * MiB,
    async play({ containerd, ref, proxy }) {
      const pull = containerd.pull(ref("team/a:v1"));
      await delay(3_200);
      proxy.drop({ refuse: true });
      await pull.finished;
      await delay(2_000);
    },
  },
  "containerd-killed": {
    about: "containerd is killed and started again while team/a:v1 downloads",
    rate: 2 * MiB,
    async play({ containerd, ref }) {
      const pull = containerd.pull(ref("team/a:v1"));
      await delay(3_200);
      await containerd.restart("SIGKILL");
      await pull.finished;
      await delay(8_000);
    },
  },
  "slow-link": {
    about: "team/b:v2 is pulled at 5 MiB/s, after two seconds at 80 kB/s for a minute, then at 5 MiB/s to its end",
    rate: 2 * MiB,
    async play({ containerd, ref, proxy }) {
      const pull = containerd.pull(ref("team/b:v2"));
      await delay(2_000);
      proxy.setRate(80_000);
      await delay(60_000);
      proxy.setRate(5 * MiB);
      await pull.finished;
      await delay(1_500);
    },
  },
};

async function record(name: string): Promise<void> {
  const scene = scenes[name];
  if (scene === undefined) throw new Error(`there is no scene ${name}; there are ${Object.keys(scenes).join(", ")}`);
  await using stack = new AsyncDisposableStack();
  const registry = stack.adopt(await startMadeRegistry(), (one) => one.close());
  for (const [reference, image] of Object.entries(images)) {
    const [repository = "", tag = ""] = reference.split(":");
    registry.add(repository, tag, image.layers, { index: image.index });
  }
  const proxy = stack.adopt(
    await rateLimitedProxy({ target: { host: "127.0.0.1", port: registry.port }, bytesPerSecond: scene.rate }),
    (one) => one.close(),
  );
  const containerd = stack.adopt(await startContainerd(program), (one) => one.close());
  const client = stack.adopt(containerdClient(openChannel({ socketPath: containerd.socket })), (one) => one.close());
  const observer = createObserver({ containerd: client, socketPath: containerd.socket });
  const moments: Moment[] = [];
  const stop = new AbortController();
  const watching = (async () => {
    let state = emptyState;
    for (let round = 0; !stop.signal.aborted; round += 1) {
      try {
        if (round % 4 === 0) {
          const observation = await observer.observe(questionsOf(state, Date.now()));
          moments.push({ kind: "look", observation });
          state = attribute(state, observation, {
            nodeName: "node-1",
            platform: "linux/amd64",
            keepFinishedMs: 60_000,
          });
        } else {
          const seen = await observer.glance();
          if (seen.downloads.length > 0) moments.push({ kind: "glance", glance: seen });
          state = glance(state, seen);
        }
      } catch {
        // containerd is away: the agent sees nothing either.
      }
      await delay(250);
    }
  })();
  try {
    await delay(1_000);
    await scene.play({ containerd, proxy, ref: (image) => `127.0.0.1:${proxy.port}/${image}` });
  } finally {
    stop.abort();
    await watching;
  }
  const file = new URL(`../attribution/fixtures/${name}${suffix}.jsonl`, import.meta.url);
  await writeFile(file, keepMoments(scene.about, containerd.version, moments));
}

const { RELEASE: release = "1.6" } = process.env;
const suffix = release === "1.6" ? "" : `-${release}`;
const program = (await containerdPrograms()).programs.find((one) => one.release === release);
if (program === undefined) throw new Error(`there is no containerd ${release} here`);
const chosen = process.argv.slice(2);
for (const name of chosen.length === 0 ? Object.keys(scenes) : chosen) await record(name);
