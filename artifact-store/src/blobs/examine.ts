import { randomUUID } from "node:crypto";
import { UserError } from "@waybill/foundation/errors";
import { StoreError } from "../errors/index.ts";
import { describeLocation, parseBlobLocation } from "./location.ts";
import { ObjectBucket, type BucketOptions } from "./object-bucket.ts";

export interface FolderExamination {
  readonly kind: "folder";
  /** Absolute path; nothing was tried there. */
  readonly place: string;
}

/** What was seen of a bucket. */
export interface BucketExamination {
  readonly kind: "bucket";
  /** Without secrets. */
  readonly place: string;
  /** Whether a write that is only for a new object is refused when there is one. */
  readonly honoursConditions: boolean;
  /** Of one small object, written durably. */
  readonly writeMs: number;
}

/**
 * Tries in a bucket what a store does there: writes, writes on a condition, reads, lists, deletes. Leaves nothing behind,
 * and touches no store that lies there.
 * @param address as `openStore` takes it: `s3://bucket/prefix?endpoint=…`, `file:///folder`
 * @throws UserError with what to do
 */
export async function examineBlobs(
  address: string,
  options: BucketOptions = {},
): Promise<FolderExamination | BucketExamination> {
  const location = parseBlobLocation(address);
  if (location.kind === "file") return { kind: "folder", place: location.folder };
  const place = describeLocation(location);
  const bucket = await ObjectBucket.open(location, options);
  const key = `probe-${randomUUID()}`;
  const body = { size: 0, open: () => new Uint8Array() };
  try {
    const startedAt = performance.now();
    await bucket.put(key, body);
    const writeMs = performance.now() - startedAt;
    try {
      const honoursConditions = !(await bucket.put(key, body, true));
      const found = await bucket.get(key);
      found?.body.resume();
      if (found === undefined) throw new UserError(`${place} does not give back what was written to it just now`);
      for await (const { name } of bucket.list(key)) if (name === "") break;
      return { kind: "bucket", place, honoursConditions, writeMs };
    } finally {
      await bucket.remove(key);
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const [what = "", ...todo] = error.message.split(": ");
    throw new UserError(what, todo.join(": "), { cause: error });
  } finally {
    bucket.close();
  }
}
