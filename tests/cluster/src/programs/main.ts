/**
 * Builds the programs of the test cluster: `npm run build --workspace @waybill/cluster`. With all of them in the cache
 * it ends at once. WAYBILL_CLUSTER_ASSETS names a folder with ready ones; WAYBILL_CLUSTER_GO_CACHE a folder in which Go's
 * own caches are kept (9 GB), for who changes these programs.
 */
import { buildPrograms } from "./build.ts";
import { findContainerd2, findPrograms } from "./cache.ts";

const usage = `Usage: npm run build --workspace @waybill/cluster

Builds Kubernetes, helm, CoreDNS and small programs for the test cluster with Go, once: 16 minutes of one core.
WAYBILL_CLUSTER_ASSETS=DIR     take ready programs from there, build nothing
WAYBILL_CLUSTER_GO_CACHE=DIR   keep Go's caches there (9 GB); the second build takes seconds
`;

async function main(): Promise<number> {
  const [argument] = process.argv.slice(2);
  if (argument !== undefined) {
    const help = argument === "--help" || argument === "-h";
    (help ? process.stdout : process.stderr).write(usage);
    return help ? 0 : 2;
  }
  // The compiler must not run on, and its gigabytes not stay, when somebody ends this.
  const ending = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(name, () => ending.abort(new Error(`ended by ${name}`)));
  const say = (line: string): void => void process.stdout.write(`cluster: ${line}\n`);
  const given = process.env["WAYBILL_CLUSTER_ASSETS"];
  try {
    if (given === undefined || given === "")
      await buildPrograms(say, process.env["WAYBILL_CLUSTER_GO_CACHE"] || undefined, ending.signal);
  } catch (error) {
    process.stderr.write(`cluster: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
  const missing = (await findPrograms()).missing ?? (await findContainerd2()).missing;
  if (missing === undefined) return 0;
  process.stderr.write(`cluster: ${missing}\n`);
  return 1;
}

process.exitCode = await main();
