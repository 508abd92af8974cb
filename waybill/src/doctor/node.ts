import type { Finding } from "./finding.ts";

const needed = [24, 15] as const;

/** @param version as `process.versions.node` has it. */
export function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const enough = major > needed[0] || (major === needed[0] && minor >= needed[1]);
  return enough
    ? { name: "Node", status: "ok", detail: version }
    : {
        name: "Node",
        status: "failed",
        detail: `${version} is older than ${needed.join(".")}`,
        advice: "Start it with bin/waybill, which finds the pinned Node, after `make setup`.",
      };
}
