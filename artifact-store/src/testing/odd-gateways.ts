import { buffer } from "node:stream/consumers";
import type { _Object } from "@aws-sdk/client-s3";
import { S3Client, paginateListObjectsV2, PutObjectCommand } from "@aws-sdk/client-s3";
import type { CephBucket } from "./ceph.ts";
import { gatewayProxy, type GatewayProxy } from "./gateway-proxy.ts";

/** A bucket whose lists may lag behind, as those of some servers do for a while; all other requests see what is there. */
export interface LaggingGateway extends GatewayProxy {
  /** From now on lists show what is there at this moment: nothing that comes, and all that goes. */
  freeze(): Promise<void>;
  /** Lists catch up. */
  thaw(): void;
  /** Lists that were answered out of the past. */
  readonly stale: number;
}

function clientOf(ceph: CephBucket): S3Client {
  return new S3Client({
    endpoint: ceph.endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: ceph,
    requestChecksumCalculation: "WHEN_REQUIRED",
  });
}

export async function laggingGateway(ceph: CephBucket): Promise<LaggingGateway> {
  const client = clientOf(ceph);
  let past: readonly _Object[] | undefined;
  let stale = 0;
  const proxy = await gatewayProxy(ceph.endpoint, (incoming, answer, pass) => {
    const { pathname, searchParams } = new URL(incoming.url ?? "/", ceph.endpoint);
    const isList = incoming.method === "GET" && pathname.split("/").filter((part) => part !== "").length === 1;
    if (past === undefined || !isList || searchParams.get("list-type") !== "2") {
      pass();
      return;
    }
    stale++;
    const prefix = searchParams.get("prefix") ?? "";
    const after = searchParams.get("start-after") ?? "";
    const shown = past.filter(({ Key: key = "" }) => key.startsWith(prefix) && key > after);
    const contents = shown.map(
      ({ Key: key, Size: size, LastModified: modified }) =>
        `<Contents><Key>${key}</Key><Size>${size}</Size><LastModified>${modified?.toISOString()}</LastModified></Contents>`,
    );
    answer.writeHead(200, { "content-type": "application/xml" });
    answer.end(
      `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>${contents.join("")}</ListBucketResult>`,
    );
  });
  return {
    url: proxy.url,
    async freeze() {
      const seen: _Object[] = [];
      for await (const page of paginateListObjectsV2({ client }, { Bucket: ceph.bucket })) {
        seen.push(...(page.Contents ?? []));
      }
      past = seen;
    },
    thaw: () => (past = undefined),
    get stale() {
      return stale;
    },
    async [Symbol.asyncDispose]() {
      client.destroy();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

/** Writes whatever it is told to write, `If-None-Match` and `If-Match` or not, as servers do that do not know them. */
export async function heedlessGateway(ceph: CephBucket): Promise<GatewayProxy & { readonly conditions: number }> {
  const client = clientOf(ceph);
  let conditions = 0;
  const proxy = await gatewayProxy(ceph.endpoint, async (incoming, answer, pass) => {
    const { headers, method } = incoming;
    if (method !== "PUT" || (headers["if-none-match"] === undefined && headers["if-match"] === undefined)) {
      pass();
      return;
    }
    conditions++;
    // The headers are signed: without them it is another request, signed anew.
    const [, Bucket, ...key] = decodeURIComponent(new URL(incoming.url ?? "/", ceph.endpoint).pathname).split("/");
    const { ETag: etag = "" } = await client.send(
      new PutObjectCommand({ Bucket, Key: key.join("/"), Body: await buffer(incoming) }),
    );
    answer.writeHead(200, { etag }).end();
  });
  return {
    url: proxy.url,
    get conditions() {
      return conditions;
    },
    async [Symbol.asyncDispose]() {
      client.destroy();
      await proxy[Symbol.asyncDispose]();
    },
  };
}
