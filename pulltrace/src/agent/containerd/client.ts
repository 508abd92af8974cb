import type { GrpcChannel } from "./channel.ts";
import { Content } from "./generated/containerd/content_pb.ts";
import { Images } from "./generated/containerd/images_pb.ts";
import { Leases } from "./generated/containerd/leases_pb.ts";
import { Namespaces } from "./generated/containerd/namespaces_pb.ts";
import { Snapshots } from "./generated/containerd/snapshots_pb.ts";
import type { Timestamp } from "./generated/containerd/time_pb.ts";
import { isNotFound } from "./grpc-error.ts";

/**
 * What the agent asks of containerd, in plain data. It only reads. Times are milliseconds since 1970, with fractions.
 * Every method rejects with a GrpcError: UNAVAILABLE while containerd is away, DEADLINE_EXCEEDED when it hangs.
 */
export interface Containerd {
  namespaces(): Promise<string[]>;
  /** Leases that expire by themselves: every pull holds one; caches and builders hold others for ever. */
  leases(namespace: string): Promise<Lease[]>;
  /** What a lease protects; undefined when the lease is gone. */
  leaseResources(namespace: string, id: string): Promise<LeaseResource[] | undefined>;
  ingests(namespace: string): Promise<Ingest[]>;
  /** Those of `digests` that are in the content store of the namespace. */
  contents(namespace: string, digests: readonly string[]): Promise<ContentInfo[]>;
  /** Images whose target is one of `digests`. */
  imagesOf(namespace: string, digests: readonly string[]): Promise<ImageRecord[]>;
  /** Images whose name starts with the host name, whatever the port. */
  imagesFrom(namespace: string, hostname: string): Promise<ImageRecord[]>;
  /** A blob of at most `limitBytes`; undefined when it is gone or larger. */
  blob(namespace: string, digest: string, limitBytes: number): Promise<Uint8Array | undefined>;
  hasSnapshot(namespace: string, snapshotter: string, key: string): Promise<boolean>;
  /** Bytes that a snapshot holds by now; undefined when it is gone. containerd walks its files: ask seldom. */
  snapshotBytes(namespace: string, snapshotter: string, key: string): Promise<number | undefined>;
  close(): void;
}

export interface Lease {
  readonly id: string;
  readonly createdAt: number;
}

export interface LeaseResource {
  /** `content` (id is a digest), `ingests` (id is a ref) or `snapshots/<snapshotter>` (id is a key). */
  readonly type: string;
  readonly id: string;
}

/** A download into the content store that was begun and not committed. */
export interface Ingest {
  readonly ref: string;
  readonly offset: number;
  /** 0 while unknown. */
  readonly total: number;
  readonly startedAt: number;
  readonly updatedAt: number;
}

export interface ContentInfo {
  readonly digest: string;
  readonly size: number;
  readonly createdAt: number;
  /** Changes with the labels. */
  readonly updatedAt: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface ImageRecord {
  readonly name: string;
  readonly target: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

const deadlineMs = 5_000;
const streamMessageLimit = 10_000;
const expiringLease = 'labels."containerd.io/gc.expire"';

export function containerdClient(channel: GrpcChannel): Containerd {
  return {
    async namespaces() {
      const answer = await channel.unary(Namespaces.method.list, {}, { deadlineMs });
      return answer.namespaces.map((one) => one.name);
    },
    async leases(namespace) {
      const answer = await channel.unary(Leases.method.list, { filters: [expiringLease] }, { namespace, deadlineMs });
      return answer.leases.map((lease) => ({ id: lease.id, createdAt: milliseconds(lease.createdAt) }));
    },
    leaseResources(namespace, id) {
      return whileThere(async () => {
        const answer = await channel.unary(Leases.method.listResources, { id }, { namespace, deadlineMs });
        return answer.resources.map((resource) => ({ type: resource.type, id: resource.id }));
      });
    },
    async ingests(namespace) {
      const answer = await channel.unary(Content.method.listStatuses, {}, { namespace, deadlineMs });
      return answer.statuses.map((status) => ({
        ref: status.ref,
        offset: Number(status.offset),
        total: Math.max(0, Number(status.total)),
        startedAt: milliseconds(status.startedAt),
        updatedAt: milliseconds(status.updatedAt),
      }));
    },
    async contents(namespace, digests) {
      if (digests.length === 0) return [];
      const filters = digests.map((digest) => `digest==${quoted(digest)}`);
      const answers = await channel.collect(
        Content.method.list,
        { filters },
        { namespace, deadlineMs, limitMessages: streamMessageLimit },
      );
      return answers.flatMap((answer) =>
        answer.info.map((info) => ({
          digest: info.digest,
          size: Number(info.size),
          createdAt: milliseconds(info.createdAt),
          updatedAt: milliseconds(info.updatedAt),
          labels: info.labels,
        })),
      );
    },
    imagesOf(namespace, digests) {
      if (digests.length === 0) return Promise.resolve([]);
      return images(
        channel,
        namespace,
        digests.map((digest) => `target.digest==${quoted(digest)}`),
      );
    },
    imagesFrom(namespace, hostname) {
      return images(channel, namespace, [`name~=${quoted(`^${hostname.replace(/[^a-zA-Z0-9-]/g, "\\$&")}[:/]`)}`]);
    },
    blob(namespace, digest, limitBytes) {
      return whileThere(async () => {
        const answers = await channel.collect(
          Content.method.read,
          { digest, size: BigInt(limitBytes) },
          { namespace, deadlineMs, limitMessages: streamMessageLimit },
        );
        return Buffer.concat(answers.map((answer) => answer.data));
      });
    },
    async hasSnapshot(namespace, snapshotter, key) {
      const found = await whileThere(async () => {
        await channel.unary(Snapshots.method.stat, { snapshotter, key }, { namespace, deadlineMs });
        return true;
      });
      return found ?? false;
    },
    snapshotBytes(namespace, snapshotter, key) {
      return whileThere(async () => {
        const usage = await channel.unary(Snapshots.method.usage, { snapshotter, key }, { namespace, deadlineMs });
        return Number(usage.size);
      });
    },
    close() {
      channel.close();
    },
  };
}

async function images(channel: GrpcChannel, namespace: string, filters: string[]): Promise<ImageRecord[]> {
  const answer = await channel.unary(Images.method.list, { filters }, { namespace, deadlineMs });
  return answer.images.map((image) => ({
    name: image.name,
    target: image.target?.digest ?? "",
    createdAt: milliseconds(image.createdAt),
    updatedAt: milliseconds(image.updatedAt),
  }));
}

/** Undefined instead of NOT_FOUND: what is asked about may be collected at any moment. */
async function whileThere<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** A value of containerd's filter language in quotes: nothing in it can end the value or begin an operator. */
function quoted(value: string): string {
  return JSON.stringify(value);
}

function milliseconds(time: Timestamp | undefined): number {
  return time === undefined ? 0 : Number(time.seconds) * 1000 + time.nanos / 1e6;
}
