import { randomUUID } from "node:crypto";
import { accessSync, constants } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { CephGateway } from "./ceph.cluster.ts";

/** A bucket of its own on the Ceph of this test run. */
export interface CephBucket extends CephGateway {
  readonly bucket: string;
  /** What `openStore` takes as `blobs`; a store of its own for each prefix, by the gateway or by a proxy in front of it. */
  url(prefix?: string, endpoint?: string): string;
}

const programs = ["ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph", "monmaptool", "setpriv"];

/** Why there can be no Ceph here; undefined when there can. */
function whyNoCeph(): string | undefined {
  const folders = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`.split(":");
  const missing = programs.filter((program) => !folders.some((folder) => isProgram(join(folder, program))));
  return missing.length === 0 ? undefined : `not installed: ${missing.join(", ")}; scripts/setup.sh test installs them`;
}

/**
 * For `describe.skipIf`: whether tests on Ceph cannot run on this machine. Says why, because a test that is left out
 * without a word looks like one that passed.
 */
export function lacksCeph(): boolean {
  const reason = whyNoCeph();
  if (reason !== undefined) process.stderr.write(`tests on Ceph RGW are left out: ${reason}\n`);
  return reason !== undefined;
}

/**
 * A new bucket; the first call of a test run starts Ceph.
 * @param through `spare`: a second gateway to the same objects, which the test may kill while others go on
 */
export async function cephBucket(through: "gateway" | "spare" = "gateway"): Promise<CephBucket> {
  const gateway = (await ask(through === "spare" ? "start-spare" : "gateway")) as CephGateway;
  const bucket = `test-${randomUUID()}`;
  const { S3Client, CreateBucketCommand } = await import("@aws-sdk/client-s3");
  const client = new S3Client({
    endpoint: gateway.endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: gateway,
    requestChecksumCalculation: "WHEN_REQUIRED",
  });
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  } finally {
    client.destroy();
  }
  const url = (prefix = "store", endpoint = gateway.endpoint): string =>
    `s3://${bucket}/${prefix}?endpoint=${endpoint}&region=us-east-1`;
  return { ...gateway, bucket, url };
}

/**
 * SIGKILL for the spare S3 gateway; what it had acknowledged stays. Start it again in `finally`. For the tests of
 * one file alone: files run side by side.
 */
export async function killSpareGateway(): Promise<void> {
  await ask("kill-spare");
}

export async function startSpareGateway(): Promise<void> {
  await ask("start-spare");
}

async function ask(word: string): Promise<unknown> {
  const path = process.env["WAYBILL_TEST_CEPH"];
  if (path === undefined) throw new Error("Ceph is there for the tests of the project `real` alone (*.real.test.ts)");
  const socket = connect(path);
  socket.end(word);
  const { result, error } = JSON.parse(await text(socket)) as { result?: unknown; error?: string };
  if (error !== undefined) throw new Error(error);
  return result;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
