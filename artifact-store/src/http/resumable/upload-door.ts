import { Problem } from "@waybill/foundation/errors";
import type { HttpContext } from "@waybill/foundation/http";
import type { RepositoryName } from "../../names/index.ts";
import type { ResumableUpload, Store } from "../../store/index.ts";
import type { Gate } from "../gate.ts";
import { isListening } from "../listening.ts";
import { reprDigest } from "./headers.ts";

/** What the faces of both protocols share: who may enter, where an upload is, what is said of one that is complete. */
export interface UploadDoor {
  readonly store: Store;
  readonly gate: Gate;
}

export function locationOf(repository: RepositoryName, id: string): string {
  return `/api/v1/repositories/${repository}/uploads/${id}`;
}

/** Where the blob is that an upload has become; nothing while bytes are missing. */
export function blobHeaders(repository: RepositoryName, upload: ResumableUpload): Record<string, string> {
  const { digest } = upload;
  if (digest === undefined) return {};
  return {
    "docker-content-digest": digest,
    "repr-digest": reprDigest(digest),
    "content-location": `/v2/${repository}/blobs/${digest}`,
  };
}

export function idOf(c: HttpContext): string {
  return c.req.param("id") ?? "";
}

/**
 * The rest of a request that made an upload whose sender does not know its address before the answer. When it fails, or
 * nobody hears the answer, the upload goes with it: nobody could ever continue or cancel it.
 */
export async function orForget<T>(
  door: UploadDoor,
  c: HttpContext,
  repository: RepositoryName,
  id: string,
  work: () => Promise<T>,
): Promise<T> {
  const forget = async (): Promise<void> => await door.store.resumableUploads.cancel(repository, id);
  try {
    const done = await work();
    if (!isListening(c)) await forget();
    return done;
  } catch (error) {
    // What has ended it already, as a wrong digest does, is what the sender is to hear.
    await forget().catch(() => undefined);
    throw error;
  }
}

export function refuse(
  status: number,
  code: string,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Problem {
  return new Problem({ code, status, title: titles[status] ?? "Not allowed", detail, headers });
}

const titles: Readonly<Record<number, string>> = {
  400: "The request cannot be read",
  403: "Not for this upload",
  405: "Not this method",
  409: "Not the next byte",
  412: "Another version",
  415: "Not this media type",
};
