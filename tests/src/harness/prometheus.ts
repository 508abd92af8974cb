import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { freePort, temporaryFolder } from "@waybill/foundation/testing";
import { until } from "./until.ts";

/** The reason why no Prometheus can be started here; undefined when one can. */
export function prometheusMissing(): string | undefined {
  const found = ["prometheus", "promtool"].every((program) =>
    (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
      try {
        accessSync(join(folder, program), constants.X_OK);
        return true;
      } catch {
        return false;
      }
    }),
  );
  return found ? undefined : "prometheus is not installed (Debian: apt-get install prometheus)";
}

export async function promtool(parameters: readonly string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)("promtool", [...parameters]);
  return stdout + stderr;
}

export interface QueryResult {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}
export interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: "pending" | "firing";
}

export interface RunningPrometheus {
  query(expression: string): Promise<readonly QueryResult[]>;
  alerts(): Promise<readonly Alert[]>;
  close(): Promise<void>;
}

/** A Prometheus of its own on a free port, with its data in a temporary folder, that looks once a second. */
export async function startPrometheus(o: {
  readonly job: string;
  /** `host:port` whose /metrics it reads. */
  readonly target: string;
  readonly rules: string;
}): Promise<RunningPrometheus> {
  const folder = await temporaryFolder("waybill-prometheus-");
  const rules = join(folder.path, "rules.yaml");
  const configuration = join(folder.path, "prometheus.yaml");
  await writeFile(rules, o.rules);
  // JSON is YAML.
  const settings = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: [rules],
    scrape_configs: [{ job_name: o.job, static_configs: [{ targets: [o.target] }] }],
  };
  await writeFile(configuration, JSON.stringify(settings));
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(
    "prometheus",
    [
      `--config.file=${configuration}`,
      `--storage.tsdb.path=${join(folder.path, "data")}`,
      `--web.listen-address=${address}`,
      "--log.level=warn",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let printed = "";
  child.stderr.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  const get = async (path: string): Promise<unknown> => {
    const answer = await fetch(`http://${address}${path}`);
    const body = (await answer.json()) as { readonly status: string; readonly data: unknown; readonly error?: string };
    if (body.status !== "success") throw new Error(`${path}: ${body.error ?? answer.status}`);
    return body.data;
  };
  await until("Prometheus is ready", async () => {
    if (child.exitCode !== null) throw new Error(`prometheus ended with ${child.exitCode}:\n${printed}`);
    const ready = await fetch(`http://${address}/-/ready`).catch(() => undefined);
    return ready?.ok === true ? true : undefined;
  });
  return {
    async query(expression) {
      const data = (await get(`/api/v1/query?query=${encodeURIComponent(expression)}`)) as {
        readonly result: readonly QueryResult[];
      };
      return data.result;
    },
    async alerts() {
      return ((await get("/api/v1/alerts")) as { readonly alerts: readonly Alert[] }).alerts;
    },
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
