import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { ApiServer } from "../contract.ts";
import { readUntil } from "../until.ts";

const run = promisify(execFile);
const source = resolve(import.meta.dirname, "../../monitoring");
const module = "github.com/prometheus-operator/prometheus-operator";

/** CustomResourceDefinitions of the Prometheus operator as its release has them, or the reason why they are not there. */
export type MonitoringDefinitions =
  | { readonly yaml: string; readonly missing?: never }
  | { readonly yaml?: never; readonly missing: string };

/** Out of the operator's Go module, in the version and with the sum that `tests/cluster/monitoring` names. */
export async function monitoringDefinitions(): Promise<MonitoringDefinitions> {
  let folder: string;
  try {
    const env = { ...process.env, GOFLAGS: "-mod=readonly", GOWORK: "off", GOTOOLCHAIN: "local" };
    const { stdout } = await run("go", ["mod", "download", "-json", module], { cwd: source, env });
    folder = (JSON.parse(stdout) as { readonly Dir: string }).Dir;
  } catch (error) {
    const { stderr, message } = error as { readonly stderr?: string; readonly message: string };
    return { missing: `the Prometheus operator's module was not fetched: ${stderr?.trim() || message}` };
  }
  const kinds = ["servicemonitors", "prometheusrules"];
  const files = kinds.map((kind) =>
    join(folder, "example/prometheus-operator-crd", `monitoring.coreos.com_${kind}.yaml`),
  );
  const documents = await Promise.all(files.map((file) => readFile(file, "utf8")));
  return { yaml: documents.join("\n---\n") };
}

/** Resolves when the API server serves these kinds and its discovery says so, which is after they are Established. */
export async function defineMonitoring(api: ApiServer, yaml: string): Promise<void> {
  await api.apply(yaml);
  for (const kind of ["servicemonitors", "prometheusrules"]) {
    const name = `${kind}.monitoring.coreos.com`;
    await readUntil(
      `${name} to be served`,
      () => api.kubectl(["get", name, "--all-namespaces", "--output", "name"]),
      (names) => names.trim() === "",
    );
  }
}
