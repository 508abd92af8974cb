import type { Address } from "@waybill/foundation/config";
import { blobsFinding } from "./blobs.ts";
import { socketFinding } from "./containerd.ts";
import { dataFolderFindings } from "./data-folder.ts";
import type { Finding } from "./finding.ts";
import { nodeFinding } from "./node.ts";
import { pageFinding } from "./page.ts";
import { portFinding } from "./ports.ts";
import { programFinding } from "./programs.ts";

export type { FindingStatus } from "./finding.ts";

interface Examination {
  readonly data: string;
  /** Address of the blobs, when they are not in the data folder. */
  readonly blobs?: string | undefined;
  readonly http: Address;
  readonly metrics: Address;
  readonly containerdSocket: string;
  /** Folder of the built page. */
  readonly page: string;
}

/** Everything that `waybill up`, the agent, the demonstration and the tests need, in that order. */
export async function examine(machine: Examination): Promise<readonly Finding[]> {
  return [
    nodeFinding(process.versions.node),
    ...(await dataFolderFindings(machine.data)),
    ...(machine.blobs === undefined ? [] : [await blobsFinding(machine.blobs)]),
    await portFinding("HTTP address", "--http", machine.http),
    await portFinding("metrics address", "--metrics", machine.metrics),
    await pageFinding(machine.page),
    await socketFinding(machine.containerdSocket),
    await programFinding("ctr", "the demonstration then replays a recording", "containerd"),
    await programFinding("skopeo", "only the tests need it"),
    await programFinding("chromium", "only the tests need it"),
  ];
}

/** Whether the main job can run. */
export function verdict(findings: readonly Finding[]): "works" | "works with warnings" | "cannot run" {
  if (findings.some(({ status }) => status === "failed")) return "cannot run";
  return findings.some(({ status }) => status === "warning") ? "works with warnings" : "works";
}
