import { isAbsolute, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "@waybill/foundation/errors";

export interface FolderLocation {
  readonly kind: "file";
  readonly folder: string;
}

export interface BucketLocation {
  readonly kind: "s3";
  readonly bucket: string;
  /** Empty, or ends with a slash. */
  readonly prefix: string;
  /** Undefined: Amazon's, by region. */
  readonly endpoint: string | undefined;
  /** Undefined: what the environment or the profile says. */
  readonly region: string | undefined;
  /** The bucket in the path of requests instead of the host's name. */
  readonly pathStyle: boolean;
}

export type BlobLocation = FolderLocation | BucketLocation;

const examples =
  "Write file:///var/lib/blobs, or s3://bucket/prefix?endpoint=https://host:port&region=us-east-1&pathStyle=true " +
  "(endpoint, region and pathStyle may be left out for Amazon S3).";

/**
 * Reads where bytes are kept: a folder (`file:///…` or a path), or a bucket and a prefix in it (`s3://…`).
 * @throws UserError; a message never repeats credentials that stood in the address
 */
export function parseBlobLocation(text: string): BlobLocation {
  if (isAbsolute(text) || /^\.{1,2}(?:\/|$)/.test(text)) return { kind: "file", folder: resolve(text) };
  const url = URL.parse(text);
  if (url === null) throw new UserError("the address of the blobs is no URL", examples);
  if (url.hash !== "") throw new UserError("the address of the blobs has a #: write %23 for one in a name", examples);
  if (url.username !== "" || url.password !== "") {
    throw new UserError(
      "the address of the blobs has credentials in it, and addresses are logged",
      "Take them out, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead.",
    );
  }
  if (url.protocol === "file:") return folderOf(url);
  if (url.protocol === "s3:") return bucketOf(url);
  throw new UserError(`the address of the blobs begins with ${url.protocol}, which is none of file: and s3:`, examples);
}

/** For people and logs. */
export function describeLocation(location: BlobLocation): string {
  if (location.kind === "file") return location.folder;
  const at = location.endpoint === undefined ? "" : ` at ${location.endpoint}`;
  return `s3://${location.bucket}/${location.prefix}${at}`;
}

function folderOf(url: URL): FolderLocation {
  if (url.host !== "" || url.search !== "") {
    throw new UserError("the folder of the blobs must be on this machine, as in file:///var/lib/blobs", examples);
  }
  const path = decoded(url.pathname);
  if (path === undefined || /%2f/i.test(url.pathname)) {
    throw new UserError("the folder of the blobs is no path on this machine", examples);
  }
  return { kind: "file", folder: fileURLToPath(url) };
}

/** Undefined for what is no UTF-8, and for control characters, which no name has for a good reason. */
function decoded(text: string): string | undefined {
  try {
    const plain = decodeURIComponent(text);
    return /\p{Cc}/u.test(plain) ? undefined : plain;
  } catch {
    return undefined;
  }
}

/** "Bucket naming rules" of Amazon S3, which others share. */
const bucketName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

function bucketOf(url: URL): BucketLocation {
  if (!bucketName.test(url.host)) throw new UserError(`${JSON.stringify(url.host)} is no name of a bucket`, examples);
  const prefix = decoded(url.pathname);
  if (prefix === undefined) throw new UserError("the prefix in the address of the blobs cannot be a name", examples);
  const path = prefix.split("/").filter((part) => part !== "");
  if (path.some((part) => part === "." || part === ".."))
    throw new UserError("the prefix has dots as a part", examples);
  for (const name of url.searchParams.keys()) {
    if (!["endpoint", "region", "pathStyle"].includes(name)) {
      throw new UserError(`the address of the blobs has an unknown parameter ${JSON.stringify(name)}`, examples);
    }
    if (url.searchParams.getAll(name).length > 1) {
      throw new UserError(`the address of the blobs says ${name} twice`, examples);
    }
  }
  const endpoint = url.searchParams.get("endpoint") ?? undefined;
  const parsed = endpoint === undefined ? undefined : URL.parse(endpoint);
  if (parsed === null || (parsed !== undefined && !["http:", "https:"].includes(parsed.protocol))) {
    throw new UserError("the endpoint in the address of the blobs must begin with http:// or https://", examples);
  }
  if (parsed !== undefined && (parsed.username !== "" || parsed.password !== "")) {
    throw new UserError("the endpoint in the address of the blobs has credentials in it", examples);
  }
  if (parsed !== undefined && (parsed.pathname !== "/" || parsed.search !== "" || parsed.hash !== "")) {
    throw new UserError(
      "the endpoint in the address of the blobs has a path: the bucket and prefix go before the ?",
      examples,
    );
  }
  const region = url.searchParams.get("region") ?? (endpoint === undefined ? undefined : "us-east-1");
  // It becomes a part of Amazon's host names.
  if (region !== undefined && !/^[a-zA-Z0-9-]{1,64}$/.test(region)) {
    throw new UserError("the region in the address of the blobs is a name like us-east-1", examples);
  }
  const style = url.searchParams.get("pathStyle") ?? (endpoint === undefined ? "false" : "true");
  if (style !== "true" && style !== "false") throw new UserError("pathStyle is true or false", examples);
  return {
    kind: "s3",
    bucket: url.host,
    prefix: path.length === 0 ? "" : `${path.join("/")}/`,
    endpoint: parsed?.origin,
    region,
    pathStyle: style === "true",
  };
}
