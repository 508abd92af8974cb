import type { NewEvent } from "@waybill/foundation/eventlog";
import type { Digest } from "../digest/index.ts";
import { tenantOfRepository, type RepositoryName, type Tag } from "../names/index.ts";

/** Name of the store's stream in the event log. */
export const storeEventStream = "store";

/**
 * A blob's lines say that a repository shows it from now on, or no longer; the bytes are stored once for all.
 * `tag.moved` is also a tag's first line (`before` is null then). A removed manifest takes its tags along in silence.
 */
export type StoreEvent = { readonly repository: RepositoryName } & (
  | { readonly type: "blob.stored"; readonly digest: Digest; readonly size: number }
  | { readonly type: "blob.mounted"; readonly digest: Digest; readonly size: number; readonly from: RepositoryName }
  | { readonly type: "blob.removed"; readonly digest: Digest }
  | { readonly type: "manifest.stored"; readonly digest: Digest; readonly size: number; readonly mediaType: string }
  | { readonly type: "manifest.removed"; readonly digest: Digest }
  | { readonly type: "tag.moved"; readonly tag: Tag; readonly digest: Digest; readonly before: Digest | null }
  | { readonly type: "tag.removed"; readonly tag: Tag; readonly digest: Digest }
);

/** As a line of the log: the subject is `<repository>@<digest>` or `<repository>:<tag>`. */
export function eventOf(event: StoreEvent): NewEvent {
  const { type, ...data } = event;
  return {
    type,
    subject: "tag" in event ? `${event.repository}:${event.tag}` : `${event.repository}@${event.digest}`,
    tenant: tenantOfRepository(event.repository),
    data,
  };
}
