import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { temporaryFolder } from "@waybill/foundation/testing";
import { launcher, runWaybill, startWaybill, type CommandResult, type RunningWaybill } from "./waybill.ts";

/** A store that commands are tried on: the flags that lead to it, and a folder to work in. */
export interface StorePlace extends AsyncDisposable {
  readonly flags: readonly string[];
  /** Where the store's own files lie. */
  readonly root: string;
  /** Absent where the store is a folder that nobody serves. */
  readonly server: RunningWaybill | undefined;
  readonly work: string;
  /** `waybill store WORDS`, in the folder to work in. */
  run(words: readonly string[], environment?: Readonly<Record<string, string>>): Promise<CommandResult>;
  /** The same, when it must end with 0; its standard output. */
  good(words: readonly string[], environment?: Readonly<Record<string, string>>): Promise<string>;
  /** Begins it, and lets it run. */
  begin(words: readonly string[]): ChildProcess;
}

export const placeKinds = ["a folder", "a server"] as const;
export type PlaceKind = (typeof placeKinds)[number];

export async function openStorePlace(
  kind: PlaceKind,
  environment: Readonly<Record<string, string>> = {},
): Promise<StorePlace> {
  const folder = await temporaryFolder("waybill-store-place-");
  const root = join(folder.path, "store");
  const server =
    kind === "a folder"
      ? undefined
      : await startWaybill(
          ["store", "serve", "--root", root, "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"],
          environment,
        );
  const flags = server === undefined ? ["--root", root] : ["--server", server.url];
  // Before the rest, so that a test can name another server.
  const withFlags = (words: readonly string[]): readonly string[] => {
    const end = ["tag-policy", "webhook"].includes(words[0] ?? "") ? 2 : 1;
    return [...words.slice(0, end), ...flags, ...words.slice(end)];
  };
  // What a transfer keeps for its next attempt stays in here, and nobody's log-ins get in.
  const own = { XDG_STATE_HOME: join(folder.path, "state"), HOME: folder.path };
  const run = (words: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<CommandResult> =>
    runWaybill(["store", ...withFlags(words)], { ...own, ...more }, { cwd: folder.path });
  return {
    flags,
    root,
    server,
    work: folder.path,
    run,
    async good(words, more) {
      const { code, stdout, stderr } = await run(words, more);
      if (code !== 0) throw new Error(`waybill store ${words.join(" ")} ended with ${code}:\n${stderr}`);
      return stdout;
    },
    begin: (words) =>
      spawn(launcher, ["store", ...withFlags(words)], {
        cwd: folder.path,
        stdio: "ignore",
        env: { ...process.env, ...own },
      }),
    async [Symbol.asyncDispose]() {
      await server?.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Ends a process, and waits until it is gone; its exit code, null when the signal ended it. */
export async function endWith(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const gone = once(child, "exit");
  child.kill(signal);
  await gone;
  return child.exitCode;
}
