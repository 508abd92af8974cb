import { access, constants } from "node:fs/promises";
import { dirname, join } from "node:path";
import { command } from "./command.ts";
import { findContainerd2, findPrograms } from "./programs/index.ts";

/** Program, and the Debian package that brings it. */
const system: readonly (readonly [string, string])[] = [
  ["containerd", "containerd"],
  ["ctr", "containerd"],
  ["containerd-shim-runc-v2", "containerd"],
  ["runc", "runc"],
  ["nft", "nftables"],
  ["iptables", "iptables"],
  ["conntrack", "conntrack"],
  ["ip", "iproute2"],
  ["tc", "iproute2"],
  ["unshare", "util-linux"],
  ["nsenter", "util-linux"],
  ["mount", "mount"],
  ["sysctl", "procps"],
];
/** Where Debian's containernetworking-plugins are. */
export const networkPlugins = "/usr/lib/cni";

async function isThere(path: string, mode: number = constants.R_OK): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

const isProgram = (path: string): Promise<boolean> => isThere(path, constants.X_OK);

async function onPath(program: string): Promise<boolean> {
  const folders = [...(process.env["PATH"] ?? "").split(":"), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  for (const folder of folders) if (await isProgram(join(folder, program))) return true;
  return false;
}

/** The reason why no API server can be started here, as a sentence that says how to get it; undefined when one can. */
export async function apiServerMissing(): Promise<string | undefined> {
  if (process.platform !== "linux") return "Kubernetes' programs run on Linux only";
  return (await findPrograms()).missing;
}

/** The reason why no cluster with nodes can be started here, as a sentence that says how to get it. */
export async function clusterMissing(): Promise<string | undefined> {
  const programs = await apiServerMissing();
  if (programs !== undefined) return programs;
  if (process.getuid?.() !== 0)
    return "nodes have namespaces, mounts and control groups of their own, which needs root";
  const packages = new Set<string>();
  for (const [program, name] of system) if (!(await onPath(program))) packages.add(name);
  if (!(await isProgram(join(networkPlugins, "bridge")))) packages.add("containernetworking-plugins");
  if (packages.size > 0)
    return `not installed: apt-get install --no-install-recommends ${[...packages].join(" ")} (make test-cluster does it)`;
  // Root in a container need not have the rights of root.
  const refused = await command("unshare", ["--mount", "--uts", "--net", "--pid", "--fork", "true"]).then(
    () => undefined,
    (error: Error) => error.message,
  );
  if (refused !== undefined)
    return `this machine refuses namespaces (a container has to be started with --privileged): ${refused}`;
  if (!(await isThere("/dev/kmsg")))
    return "a kubelet wants to read /dev/kmsg, which is not there (docker: --device /dev/kmsg)";
  return undefined;
}

/** Where containerd 2.2 stands, for `containerdFolder`; rejects when the programs are not built. */
export async function containerd2Folder(): Promise<string> {
  const found = await findContainerd2();
  if (found.missing !== undefined) throw new Error(found.missing);
  return dirname(found.paths.containerd);
}
