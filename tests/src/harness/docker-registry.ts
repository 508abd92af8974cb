import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, temporaryFolder } from "@waybill/foundation/testing";
import { until } from "./until.ts";

export interface RunningRegistry {
  readonly url: string;
  close(): Promise<void>;
}

/** Debian's docker-registry (distribution 2.8) on a free port, with its data in a temporary folder. */
export async function startDockerRegistry(): Promise<RunningRegistry> {
  const folder = await temporaryFolder("waybill-docker-registry-");
  const address = `127.0.0.1:${await freePort()}`;
  const configuration = join(folder.path, "config.yml");
  // JSON is YAML.
  const settings = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder.path, "data") } },
    http: { addr: address },
  };
  await writeFile(configuration, JSON.stringify(settings));
  const child = spawn("docker-registry", ["serve", configuration], { stdio: ["ignore", "ignore", "pipe"] });
  let printed = "";
  child.stderr.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  child.once("error", (error) => (printed += `${error.message} (Debian: apt-get install docker-registry)`));
  const url = `http://${address}`;
  await until("docker-registry answers", async () => {
    if (child.pid === undefined || child.exitCode !== null) throw new Error(`docker-registry ended:\n${printed}`);
    return (await fetch(`${url}/v2/`).catch(() => undefined))?.ok === true ? true : undefined;
  });
  return {
    url,
    async close() {
      if (child.exitCode === null && child.signalCode === null) {
        const gone = once(child, "exit");
        child.kill("SIGTERM");
        await gone;
      }
      await folder[Symbol.asyncDispose]();
    },
  };
}
