import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { temporaryFolder } from "@waybill/foundation/testing";
import { openBlobs, parseBlobLocation, type BlobBackend } from "../blobs/index.ts";
import { hexOf, type Digest } from "../digest/index.ts";
import type { StoreOptions } from "../store/index.ts";
import { cephBucket } from "./ceph.ts";

/** Where a store under test has its bytes, and what a test does behind the store's back. */
export interface TestPlace extends AsyncDisposable {
  readonly kind: "folder" | "bucket";
  /** For `openStore`; `root` is a temporary folder. */
  readonly options: Pick<StoreOptions, "root" | "blobs" | "credentials"> & { readonly blobs: string };
  /** A backend of its own on the same bytes, as another process would have. */
  readonly backend: BlobBackend;
  /** Path of every blob; its last part has the digest in it, or the name of its upload. */
  blobPaths(): Promise<string[]>;
  /** Unfinished uploads that survive the process. */
  stageIds(): Promise<string[]>;
  /** Keys of uploads in parts that somebody began and nobody ended: a folder has none. */
  unfinishedParts(): Promise<string[]>;
  /** Replaces a blob's bytes, or puts some where the store knows of none; undefined: takes them away. */
  tamper(digest: Digest, bytes: Uint8Array | undefined): Promise<void>;
  /** Takes away the text by which the place is known again. */
  forgetIdentity(): Promise<void>;
}

export async function folderPlace(): Promise<TestPlace> {
  const folder = await temporaryFolder("waybill-store-");
  const blobs = join(folder.path, "blobs");
  const backend = await openBlobs({ kind: "file", folder: folder.path }, { spools: join(folder.path, "parts") });
  const blobPaths = async (): Promise<string[]> => {
    const entries = await readdir(blobs, { recursive: true, withFileTypes: true });
    return entries.flatMap((entry) =>
      entry.isFile() ? [join(entry.parentPath, entry.name).slice(blobs.length + 1)] : [],
    );
  };
  return {
    kind: "folder",
    options: { root: folder.path, blobs: `file://${folder.path}` },
    backend,
    blobPaths,
    stageIds: () => readdir(join(folder.path, "uploads")),
    unfinishedParts: () => Promise.resolve([]),
    async tamper(digest, bytes) {
      const path = join(blobs, (await pathOf(digest, blobPaths)) ?? ordinaryPath(digest));
      await mkdir(dirname(path), { recursive: true });
      if (bytes === undefined) await rm(path);
      else await writeFile(path, bytes);
    },
    forgetIdentity: () => rm(join(folder.path, "store.id")),
    async [Symbol.asyncDispose]() {
      await backend.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** On the Ceph of this test run; see `lacksCeph`. */
export async function bucketPlace(): Promise<TestPlace> {
  const folder = await temporaryFolder("waybill-store-");
  const ceph = await cephBucket();
  /** Where the objects were that a test changed: with bytes again they are to lie there. */
  const changedNames = new Map<Digest, string>();
  const location = parseBlobLocation(ceph.url());
  if (location.kind !== "s3") throw new Error("no bucket");
  const backend = await openBlobs(location, { credentials: ceph, spools: join(folder.path, "others") });
  const { S3Client, DeleteObjectCommand, ListMultipartUploadsCommand, paginateListObjectsV2, PutObjectCommand } =
    await import("@aws-sdk/client-s3");
  const client = new S3Client({
    endpoint: ceph.endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: ceph,
    requestChecksumCalculation: "WHEN_REQUIRED",
  });
  const Bucket = ceph.bucket;
  const names = async (below: string): Promise<string[]> => {
    const Prefix = `${location.prefix}${below}`;
    const pages = paginateListObjectsV2({ client }, { Bucket, Prefix });
    const keys: string[] = [];
    for await (const { Contents: contents = [] } of pages) keys.push(...contents.map(({ Key: key = "" }) => key));
    return keys.map((key) => key.slice(Prefix.length));
  };
  const blobPaths = (): Promise<string[]> => names("blobs/");
  return {
    kind: "bucket",
    options: { root: folder.path, blobs: ceph.url(), credentials: ceph },
    backend,
    blobPaths,
    stageIds: () => names("stages/"),
    async unfinishedParts() {
      const { Uploads: uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
      return uploads.map(({ Key: key = "" }) => key);
    },
    async tamper(digest, bytes) {
      const name = (await pathOf(digest, blobPaths)) ?? changedNames.get(digest) ?? ordinaryName(digest);
      const Key = `${location.prefix}blobs/${name}`;
      changedNames.set(digest, name);
      if (bytes === undefined) await client.send(new DeleteObjectCommand({ Bucket, Key }));
      else await client.send(new PutObjectCommand({ Bucket, Key, Body: bytes }));
    },
    async forgetIdentity() {
      await client.send(new DeleteObjectCommand({ Bucket, Key: `${location.prefix}store.id` }));
    },
    async [Symbol.asyncDispose]() {
      client.destroy();
      await backend.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function ordinaryName(digest: Digest): string {
  return `${hexOf(digest).slice(0, 2)}/${digest.replace(":", "-")}`;
}

function ordinaryPath(digest: Digest): string {
  const [algorithm = "", hex = ""] = digest.split(":");
  return `${algorithm}/${hex.slice(0, 2)}/${hex}`;
}

/** Large blobs of a bucket lie under the name of their upload, where nobody finds them by digest: tamper with small ones. */
async function pathOf(digest: Digest, paths: () => Promise<string[]>): Promise<string | undefined> {
  return (await paths()).find((path) => path.includes(hexOf(digest)));
}
