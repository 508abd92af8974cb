import { examineBlobs } from "@waybill/artifact-store";
import { UserError } from "@waybill/foundation/errors";
import { folderFinding } from "./data-folder.ts";
import type { Finding } from "./finding.ts";

const name = "blobs";

/**
 * The place of `--blobs`. A bucket: reachable, its key good for all that a store does there, conditional writes honoured;
 * a folder: as the data folder.
 */
export async function blobsFinding(address: string): Promise<Finding> {
  try {
    const seen = await examineBlobs(address, { retry: { giveUpAfterMs: 5000, firstWaitMs: 50, longestWaitMs: 1000 } });
    if (seen.kind === "folder") return await folderFinding(name, seen.place, "--blobs");
    const detail = `${seen.place}, a small write takes ${seen.writeMs.toFixed(0)} ms`;
    if (seen.honoursConditions) return { name, status: "ok", detail };
    return {
      name,
      status: "warning",
      detail: `${detail}; conditional writes (If-None-Match) are not honoured`,
      advice: "Two stores that are given this place at the same moment are not told apart: give it to one alone.",
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { name, status: "failed", detail: error.message, advice: error.advice ?? "Correct the address in --blobs." };
  }
}
