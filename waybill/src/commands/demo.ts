import type { Command } from "commander";
import { demoSettings } from "../settings/index.ts";
import { endingSignal } from "../terminal/index.ts";
import { programVersion } from "../version/index.ts";
import { addSettings, settingsOf } from "./settings-options.ts";

const help = `
Runs everything in one process, pushes two small sample images, and has a containerd of its own pull them over a slow
link: the page shows it live. This needs root and containerd; without them it replays a recording, and says so. Ctrl-C
ends all that it started; nothing is left behind but the data folder.

Examples:
  waybill demo --data .data
  waybill demo --http 127.0.0.1:8090 --rate 4MiB
  waybill demo --recording
`;

export function configure(command: Command): void {
  addSettings(command, demoSettings);
  command.addHelpText("after", help).action(async (options: Record<string, unknown>) => {
    const settings = settingsOf(demoSettings, options);
    const ending = new AbortController();
    void endingSignal(["SIGINT", "SIGTERM", "SIGHUP"]).then(() => ending.abort());
    const { runDemo } = await import("../demo/index.ts");
    await runDemo({
      settings,
      version: programVersion,
      say: (line) => void process.stdout.write(`${line}\n`),
      signal: ending.signal,
      ...(process.stdin.isTTY ? { keyboard: process.stdin } : {}),
    });
  });
}
