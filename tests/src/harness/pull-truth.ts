import type { LayerStatus, PullStatus } from "@waybill/pulltrace/contract";
import type { MadeImage } from "@waybill/pulltrace/testing";
import type { Look } from "./pull-node.ts";

const MiB = 1024 * 1024;
/** Behind the wire: a look at containerd every half second, and what containerd has in its buffer before it writes. */
const lagMs = 5_000;
const bufferedBytes = MiB + 128 * 1024;

export interface Truth {
  readonly repository: string;
  readonly image: MadeImage;
  /** True when the wire's bytes are those of one download: no blob was asked for anew from its first byte. */
  readonly oneDownload: boolean;
}

/**
 * What the server said that is not so, a sentence each: layers that are not the manifest's, more bytes than the wire
 * brought, much fewer than it had brought 5 s before the agent's report, and phases that the bytes contradict.
 */
export function untruths(looks: readonly Look[], truthOf: (row: PullStatus) => Truth): string[] {
  return looks.flatMap((look, index) =>
    look.pulls.flatMap((row) => {
      const truth = truthOf(row);
      const where = `${truth.repository} at look ${index}: `;
      return untruthsOfPull(looks, look, row, truth).map((what) => where + what);
    }),
  );
}

function untruthsOfPull(looks: readonly Look[], look: Look, row: PullStatus, truth: Truth): string[] {
  const found: string[] = [];
  const told = row.layers.map(({ digest, totalBytes }) => `${digest} ${totalBytes}`).join();
  const made = truth.image.layers.map(({ digest, size }) => `${digest} ${size}`).join();
  if (told !== "" && told !== made) found.push(`layers ${told}`);
  const wire = (layer: LayerStatus) => look.wire.get(layer.digest) ?? 0;
  const earlier = looks.findLast((one) => one.at <= Date.parse(row.updatedAt) - lagMs);
  const running = row.completedAt === undefined && truth.oneDownload;
  for (const layer of row.layers) {
    if (layer.downloadedBytes > wire(layer)) found.push(`${layer.downloadedBytes} of ${wire(layer)} bytes on the wire`);
    if (running && earlier !== undefined && Date.parse(row.startedAt) <= earlier.at) {
      const brought = earlier.wire.get(layer.digest) ?? 0;
      const certain = brought - bufferedBytes;
      if (layer.downloadedBytes < certain) found.push(`${layer.downloadedBytes} bytes, ${certain} were there`);
      if (row.phase === "resolving" && brought > 0) found.push("resolving, with bytes of a layer on the wire");
    }
    const there = layer.phase === "done" || layer.phase === "unpacking" || layer.phase === "downloaded";
    if (there && wire(layer) !== layer.totalBytes) found.push(`a layer ${layer.phase} with ${wire(layer)} bytes`);
  }
  const complete = row.layers.every((layer) => wire(layer) === layer.totalBytes);
  if ((row.phase === "unpacking" || row.phase === "done") && !complete) found.push(`${row.phase} before the last byte`);
  return found;
}
