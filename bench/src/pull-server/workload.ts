import { constants, crc32, deflateRawSync } from "node:zlib";

/** What simulated agents tell, and how a reader knows when it was told. */
export interface Workload {
  readonly nodes: number;
  readonly pulls: number;
  readonly layers: number;
}

const doneLayers = 2;
const downloadingLayers = 3;
const doneBytes = 50_000_000;
const bytesPerMs = 4_096;

export function nodeNameOf(index: number): string {
  return `node-${String(index).padStart(5, "0")}`;
}

/**
 * A report without its beginning (the node's name): of each pull two layers are there, three download as kubelet has
 * them, the rest waits. The bytes of a pull say how many milliseconds after `epoch` the report was made.
 */
function restOfReport(workload: Workload, sinceEpochMs: number, epoch: number): string {
  const arrived = sinceEpochMs * bytesPerMs;
  const third = Math.floor(arrived / downloadingLayers);
  const pulls = Array.from({ length: workload.pulls }, (_, pull) => ({
    imageRef: `registry.example:5000/team-${pull}/application:2026.11.${pull}`,
    id: `k8s.io/sha256:${String(pull).padStart(64, "a")}`,
    startedAt: new Date(epoch).toISOString(),
    totalKnown: true,
    phase: "downloading",
    containerdNamespace: "k8s.io",
    manifestDigest: `sha256:${String(pull).padStart(64, "b")}`,
    layers: Array.from({ length: workload.layers }, (__, layer) => {
      const digest = `sha256:${String(pull * 1_000 + layer).padStart(64, "c")}`;
      const mediaType = "application/vnd.oci.image.layer.v1.tar+gzip";
      const startedAt = new Date(epoch).toISOString();
      if (layer < doneLayers) {
        const there = { totalBytes: doneBytes, downloadedBytes: doneBytes, totalKnown: true };
        return { digest, mediaType, ...there, phase: "done", startedAt, completedAt: startedAt };
      }
      if (layer < doneLayers + downloadingLayers) {
        const own = layer === doneLayers ? arrived - 2 * third : third;
        const part = { totalBytes: 2_000_000_000, downloadedBytes: own, totalKnown: true };
        return { digest, mediaType, ...part, phase: "downloading", startedAt };
      }
      return { digest, mediaType, totalBytes: 100_000_000, downloadedBytes: 0, totalKnown: true, phase: "waiting" };
    }),
  }));
  const timestamp = new Date(epoch + sinceEpochMs).toISOString();
  return `,${JSON.stringify({ timestamp, agentVersion: "0.2.0", reportIntervalMs: 1_000, pulls }).slice(1)}`;
}

/** Milliseconds after the epoch at which the report was made that brought a pull to so many bytes; undefined before the first. */
export function toldAt(downloadedBytes: number): number | undefined {
  const arrived = downloadedBytes - doneLayers * doneBytes;
  return arrived > 0 ? arrived / bytesPerMs : undefined;
}

/**
 * The gzip'ed reports of many nodes at one moment. What they share is compressed once, since the simulated agents must
 * not cost more than the server: RFC 1951 lets each begin with its own stored block, RFC 1952 only wants the sum over all.
 */
export function reportsAt(workload: Workload, sinceEpochMs: number, epoch: number): (nodeName: string) => Buffer {
  const rest = Buffer.from(restOfReport(workload, sinceEpochMs, epoch));
  const packed = deflateRawSync(rest, { level: 1, finishFlush: constants.Z_FINISH });
  return (nodeName) => {
    const own = Buffer.from(`{"nodeName":"${nodeName}"`);
    const head = Buffer.alloc(15);
    head.set([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0]);
    head.writeUInt16LE(own.length, 11);
    head.writeUInt16LE(0xffff - own.length, 13);
    const tail = Buffer.alloc(8);
    tail.writeUInt32LE(crc32(rest, crc32(own)), 0);
    tail.writeUInt32LE(own.length + rest.length, 4);
    return Buffer.concat([head, own, packed, tail]);
  };
}
