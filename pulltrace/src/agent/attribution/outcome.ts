import type { PullPhase } from "../../contract/index.ts";
import { isOnNode, type TrackedLayer, type TrackedPull } from "./state.ts";
import { closeMayBeUnseen, type WriterWatch } from "./writers.ts";

/*
 * How a pull ends. All of it was tried with ctr on containerd 1.6.20 (the client does the work) and on 2.2.9 (containerd
 * itself does the work, as it does for CRI):
 *
 * | what happens                                   | what containerd shows                                          |
 * |------------------------------------------------|----------------------------------------------------------------|
 * | the pull succeeds                              | record; config labelled with its snapshot; lease deleted       |
 * | registry answers with an error, link is cut    | lease deleted, no record; downloads collected within a second  |
 * | client killed (SIGINT or SIGKILL on ctr)       | lease and downloads stay for a day, writers are closed         |
 * | … on 2.2, where containerd fetches for it      | the same, after the last piece of each buffer was written      |
 * | client killed while it unpacks                 | lease and an active extract snapshot stay                      |
 * | containerd killed                              | lease and downloads stay, older than the daemon's socket       |
 * | link stalls, client waits                      | lease and downloads stay, writers are open                     |
 *
 * ctr 1.6 makes the image record before it unpacks, CRI after it: so a record alone is not the end while the lease is
 * there, and the label of the configuration alone is not when the layers were unpacked for another name earlier.
 */

/** A closed writer is believed after so long: a client may open the same download again. */
const closedGraceMs = 3_000;
/** After a restart of containerd, a client may have come through: it would have moved within this time. */
const restartGraceMs = 5_000;
/** How long silence is borne when a close may have gone unseen, outside of kubelet's namespace. */
export const silenceMs = 45_000;
/** … and when the time of the last byte is that of a close: long enough that a stalled registry is seldom taken for it. */
export const stampedSilenceMs = 15_000;
/** … and before any byte of any layer was written: the first MiB of three layers at 20 KiB/s takes 150 s. */
export const firstByteSilenceMs = 180_000;
/** … and in any case so many times the longest pause that this pull has had. */
const silencePauses = 8;
const stampedPauses = 3;
/**
 * Under CRI containerd itself does the pull, and a pull that ends gives its lease back. Silence there is a stalled
 * registry. Only a client that is not kubelet (nerdctl -n k8s.io) can leave one behind.
 */
export const kubernetesSilenceMs = 30 * 60_000;
/** An unpack without growth for so long has lost its client; growth is asked for from `unpackQuietMs` on. */
export const unpackSilenceMs = 60_000;
export const unpackQuietMs = 10_000;

export interface OutcomeFacts {
  readonly at: number;
  readonly leaseThere: boolean;
  /** An image record points to the root. */
  readonly recorded: boolean;
  /** Every configuration carries the label that names its snapshot. */
  readonly unpacked: boolean;
  /** Writers of the downloads that belong to this pull's client. */
  readonly writers: readonly WriterWatch[];
  /** Another pull's client writes a download that this one's client had: it was closed before. */
  readonly takenOver: boolean;
  readonly containerdStartedAt: number | undefined;
}

export interface Ending {
  readonly phase: Extract<PullPhase, "done" | "failed" | "cancelled">;
  readonly error?: string;
}

/** How the pull ended with this look; undefined while it goes on. */
export function ending(pull: TrackedPull, facts: OutcomeFacts): Ending | undefined {
  if (!facts.leaseThere) return withoutLease(pull, facts);
  if (facts.recorded && facts.unpacked && pull.layers.every((layer) => isOnNode(layer.phase))) return { phase: "done" };
  return abandoned(pull, facts);
}

function withoutLease(pull: TrackedPull, facts: OutcomeFacts): Ending {
  if (facts.recorded && (facts.unpacked || !pull.unpackSeen)) return { phase: "done" };
  // A client whose connection came back in time gives its lease back: the restart is the cause all the same.
  if (brokeWithContainerd(pull, facts)) return restarted(pull);
  if (facts.recorded) {
    return {
      phase: "failed",
      error:
        "All layers arrived, but unpacking them broke off: look at containerd's log on this node for the cause (disk full, damaged layer).",
    };
  }
  if (pull.layers.length > 0 && pull.layers.every((layer) => isOnNode(layer.phase))) {
    return {
      phase: "failed",
      error:
        "All layers arrived, but the pull ended before the image was unpacked: look at the pod's events or at containerd's log on this node for the cause.",
    };
  }
  return {
    phase: "failed",
    error: `The pull was given up after ${arrived(pull.layers)}: the registry or the network broke it off, or its client cancelled it. The pod's events or containerd's log on this node have the cause.`,
  };
}

/** The lease is there and nobody works for it any more. */
function abandoned(pull: TrackedPull, facts: OutcomeFacts): Ending | undefined {
  const quietMs = facts.at - pull.activeAt;
  if (brokeWithContainerd(pull, facts)) {
    // A piece of which the kill let only a part be written looks like a download that broke off: the restart goes first.
    const sinceRestartMs = facts.at - (facts.containerdStartedAt ?? 0);
    return sinceRestartMs >= restartGraceMs && quietMs >= restartGraceMs ? restarted(pull) : undefined;
  }
  const closed = facts.writers.some(
    (writer) => writer.closedAt !== undefined && facts.at - writer.closedAt >= closedGraceMs,
  );
  if (closed || facts.takenOver) return gone(pull);
  if (closeWasStamped(pull, facts.writers) && quietMs >= stampedPatienceMs(facts.writers)) return gone(pull);
  if (quietMs < silenceMs) return undefined;
  if (facts.writers.length > 0) return quietMs >= patienceMs(pull, facts.writers) ? gone(pull) : undefined;
  if (pull.unpacking !== undefined) return quietMs >= unpackSilenceMs ? gone(pull) : undefined;
  return quietMs >= (pull.namespace === "k8s.io" ? kubernetesSilenceMs : firstByteSilenceMs) ? gone(pull) : undefined;
}

/** containerd was started while the pull ran, and nothing of the pull moved since (what it left is seen a moment later). */
function brokeWithContainerd(pull: TrackedPull, facts: OutcomeFacts): boolean {
  const restartedAt = facts.containerdStartedAt;
  if (restartedAt === undefined || restartedAt <= pull.startedAt) return false;
  return pull.activeAt <= restartedAt + restartGraceMs;
}

function restarted(pull: TrackedPull): Ending {
  return {
    phase: "failed",
    error: `containerd was restarted after ${arrived(pull.layers)}; pull the image again (kubelet does so by itself).`,
  };
}

/** All downloads moved at one look, at times that only a close gives. */
function closeWasStamped(pull: TrackedPull, writers: readonly WriterWatch[]): boolean {
  if (writers.length === 0 || pull.namespace === "k8s.io") return false;
  return closeMayBeUnseen(writers) && writers.every((writer) => writer.stamped === true);
}

function stampedPatienceMs(writers: readonly WriterWatch[]): number {
  return Math.max(stampedSilenceMs, stampedPauses * Math.max(...writers.map((writer) => writer.longestGapMs)));
}

function patienceMs(pull: TrackedPull, writers: readonly WriterWatch[]): number {
  if (pull.namespace === "k8s.io") return kubernetesSilenceMs;
  if (writers.every((writer) => writer.offset === 0)) return firstByteSilenceMs;
  // Some writer did not move at the last look that saw a move, and was not stamped since: it is open, its client lives.
  if (!closeMayBeUnseen(writers)) return Number.POSITIVE_INFINITY;
  return Math.max(silenceMs, silencePauses * Math.max(...writers.map((writer) => writer.longestGapMs)));
}

function gone(pull: TrackedPull): Ending {
  const where = pull.unpacking === undefined ? arrived(pull.layers) : "the download, while it was unpacked";
  return {
    phase: "cancelled",
    error: `The client that pulled this image went away after ${where}; pull it again to go on (containerd keeps what has arrived for a day).`,
  };
}

function arrived(layers: readonly TrackedLayer[]): string {
  if (layers.length === 0) return "0 bytes, before its manifest was there";
  const bytes = layers.reduce((sum, layer) => sum + (layer.cached ? 0 : layer.downloadedBytes), 0);
  const total = layers.reduce((sum, layer) => sum + (layer.cached ? 0 : layer.size), 0);
  const there = layers.filter((layer) => isOnNode(layer.phase)).length;
  return `${mebibytes(bytes)} of ${mebibytes(total)} MiB (${there} of ${layers.length} layers on the node)`;
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
