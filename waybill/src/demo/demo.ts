import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { readSettings, type SettingsOf } from "@waybill/foundation/config";
import { UserError } from "@waybill/foundation/errors";
import { createLogger, type Logger } from "@waybill/foundation/telemetry";
import { startAgent } from "@waybill/pulltrace/agent";
import { replayRecording } from "@waybill/pulltrace/recording";
import { startWaybill } from "../assembly/index.ts";
import { pushImage, type SampleImage } from "../sample/index.ts";
import { upSettings, type demoSettings } from "../settings/index.ts";
import { humanBytes } from "../terminal/index.ts";
import { demoImages, demoTenants, recordedTenants } from "./images.ts";
import { startOwnContainerd, whyNoContainerd } from "./own-containerd.ts";
import { startSlowLink } from "./slow-link.ts";
import { makeTenants } from "./tenants.ts";

/** Two images that share layers, pulled at once by a real containerd. */
const recordingFile = resolve(import.meta.dirname, "../../../pulltrace/recordings/demo.jsonl");

export interface DemoInit {
  readonly settings: SettingsOf<typeof demoSettings>;
  readonly version: string;
  /** Tells the person at the terminal; one line, without its end. */
  readonly say: (line: string) => void;
  /** Aborts when the demonstration is to end. */
  readonly signal: AbortSignal;
  /** Each line asks for another round; absent where nobody can press Enter. */
  readonly keyboard?: NodeJS.ReadableStream;
}

/** One round of what there is to see. */
type Round = () => Promise<void>;

function sizeOf(image: SampleImage): number {
  return image.layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
}

async function push(images: readonly SampleImage[], registry: string, init: DemoInit): Promise<void> {
  for (const image of images) {
    await pushImage(image, { registry, signal: init.signal });
    const layers = `${image.layers.length} layers, ${humanBytes(sizeOf(image))}`;
    init.say(`pushed     ${image.name}:${image.tag} (${layers})`);
  }
}

/** Rounds of real pulls by a containerd of our own, which the agent watches. What it starts goes onto the stack. */
async function livePulls(
  init: DemoInit,
  parts: {
    readonly stack: AsyncDisposableStack;
    readonly url: string;
    readonly log: Logger;
    readonly folder: string;
    readonly images: readonly SampleImage[];
  },
): Promise<Round> {
  const { stack, url, images } = parts;
  const { say, signal, settings } = init;
  const containerd = await startOwnContainerd(parts.folder);
  stack.defer(() => containerd.close());
  const agent = await startAgent({
    nodeName: hostname(),
    serverUrl: url,
    containerdSocket: containerd.socket,
    allowedSockets: [containerd.socket],
    agentVersion: init.version,
    reportIntervalMs: 1000,
    log: parts.log,
  });
  stack.defer(() => agent.close());
  const { hostname: host, port } = new URL(url);
  const link = await startSlowLink({ host, port: Number(port) }, settings.rate);
  stack.defer(() => link.close());
  say(`containerd ${containerd.version}, its own, behind a link of ${humanBytes(settings.rate)}/s`);

  const references = images.map((image) => `${link.address}/${image.name}:${image.tag}`);
  let pulled = false;
  return async () => {
    if (pulled) await containerd.forget(references);
    pulled = true;
    say("pulling    both images at once: watch them on the page");
    const started = performance.now();
    const all = await Promise.allSettled(references.map((reference) => containerd.pull(reference, signal)));
    const failed = all.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    say(
      `pulled     both in ${((performance.now() - started) / 1000).toFixed(0)} s; they stay on the page for 30 minutes`,
    );
  };
}

function replays(init: DemoInit, url: string, log: Logger): Round {
  return async () => {
    await makeTenants(url, recordedTenants);
    init.say("replaying  a recording of a real pull, marked as a recording on the page and in the API");
    await replayRecording(recordingFile, { serverUrl: url, speed: 1, log, signal: init.signal });
    if (!init.signal.aborted) init.say("replayed   to its end; it stays on the page for 30 minutes");
  };
}

async function nextRequest(keyboard: NodeJS.ReadableStream | undefined, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((done) => {
    signal.addEventListener("abort", () => done(), { once: true });
    if (keyboard === undefined) return;
    const lines = createInterface({ input: keyboard });
    lines.once("line", () => {
      lines.close();
      done();
    });
    signal.addEventListener("abort", () => lines.close(), { once: true });
  });
}

/**
 * Runs until `signal` aborts, then ends what it started, in the opposite order.
 * @throws BusyError when the data folder or an address is in use.
 */
export async function runDemo(init: DemoInit): Promise<void> {
  try {
    await show(init);
  } catch (error) {
    // Whatever was under way when the person pressed Ctrl-C was cut off, and that is what was asked for.
    if (!init.signal.aborted) throw error;
  }
}

async function show(init: DemoInit): Promise<void> {
  const { settings, say, signal, keyboard } = init;
  const data = resolve(settings.data);
  await mkdir(data, { recursive: true, mode: 0o700 });
  await using stack = new AsyncDisposableStack();
  const logFile = createWriteStream(join(data, "waybill.log"), { flags: "a" });
  stack.defer(() => new Promise((done) => logFile.end(() => done())));
  const logger = (name: string): Logger => createLogger({ level: "info", name, destination: logFile });

  // What the environment says about authentication or a database is for a real installation, not for this one.
  const defaults = readSettings(upSettings, { env: {} });
  const running = await startWaybill({
    settings: { ...defaults, ...settings, noAgent: true },
    version: init.version,
    logger,
  });
  stack.defer(() => running.close());
  say(`\n  Waybill runs at ${running.url}\n`);
  if (!running.page) say("the page   is not built, only the API answers; run: make setup");
  if (running.exposure === "open to the network")
    say("open       to the network without authentication (--allow-open)");
  say(`data       and log in ${data}`);

  const images = await demoImages();
  await makeTenants(running.url, demoTenants);
  await push(images, running.url, init);

  const trouble = settings.recording ? "switched off by --recording" : await whyNoContainerd();
  const log = logger("pulltrace-agent");
  const replay = replays(init, running.url, log);
  let round = replay;
  if (trouble === undefined) {
    const parts = { stack, url: running.url, log, folder: join(data, "containerd"), images };
    round = await livePulls(init, parts).catch((error: unknown) => {
      if (!(error instanceof UserError)) throw error;
      say(`no live pull: ${error.message}`);
      return replay;
    });
  } else say(`no live pull: ${trouble}`);

  while (!signal.aborted) {
    try {
      await round();
    } catch (error) {
      if (signal.aborted) break;
      if (!(error instanceof UserError) || round === replay) throw error;
      say(`no live pull: ${error.message}`);
      round = replay;
      continue;
    }
    if (!signal.aborted) say(keyboard === undefined ? "Ctrl-C ends it.\n" : "Enter does it again, Ctrl-C ends it.\n");
    await nextRequest(keyboard, signal);
  }
  say("ending");
}
