import type { NewEvent } from "@waybill/foundation/eventlog";
import type { Digest } from "../digest/index.ts";
import { tenantOfRepository, type RepositoryName, type Tag } from "../names/index.ts";

/** Name of the store's stream in the event log. */
export const storeEventStream = "store";

/** What happens to something that a repository shows. `reason` is there when the store did it by itself. */
type RepositoryEvent =
  | { readonly type: "blob.stored"; readonly digest: Digest; readonly size: number }
  | { readonly type: "blob.mounted"; readonly digest: Digest; readonly size: number; readonly from: RepositoryName }
  | { readonly type: "blob.removed"; readonly digest: Digest; readonly reason?: string }
  | { readonly type: "manifest.stored"; readonly digest: Digest; readonly size: number; readonly mediaType: string }
  | { readonly type: "manifest.removed"; readonly digest: Digest; readonly reason?: string }
  | {
      readonly type: "manifest.held" | "manifest.pinned";
      readonly digest: Digest;
      readonly name: string;
      readonly holder: string;
      readonly why: string;
    }
  | { readonly type: "manifest.released" | "manifest.unpinned"; readonly digest: Digest; readonly name: string }
  | {
      readonly type: "manifest.extended";
      readonly digest: Digest;
      readonly until: number;
      readonly holder: string;
      readonly why: string;
    }
  | { readonly type: "manifest.classified"; readonly digest: Digest; readonly class: string }
  | { readonly type: "tag.moved"; readonly tag: Tag; readonly digest: Digest; readonly before: Digest | null }
  | { readonly type: "tag.removed"; readonly tag: Tag; readonly digest: Digest; readonly reason?: string }
  | PackageEvent;

/** What happens to a package; each line says all that somebody who follows its links needs to know. */
type PackageEvent = Omit<PackageFacts, "repository"> &
  (
    | { readonly type: "package.opened" | "package.sealed" | "package.described" }
    | { readonly type: "package.deleted"; readonly reason: string }
  );

export interface PackageFacts {
  readonly repository: RepositoryName;
  /** Its id. */
  readonly package: string;
  readonly producer: string;
  readonly kind: string;
  readonly runId: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly links: readonly { readonly rel: string; readonly href: string }[];
  /** Of its manifest; null while it is open. */
  readonly digest: Digest | null;
}

/**
 * A blob's lines say that a repository shows it from now on, or no longer; the bytes are stored once for all, and
 * `blob.deleted`, which belongs to no tenant, says that they are not kept any more. `blob.damaged` and `blob.healed` belong to
 * none either: a reading found that the bytes are not right, and a push brought right ones. `tag.moved` is also a tag's first line
 * (`before` is null then). A removed manifest takes its tags along in silence.
 */
export type StoreEvent =
  | ({ readonly repository: RepositoryName } & RepositoryEvent)
  | { readonly type: "blob.deleted"; readonly digest: Digest; readonly size: number }
  | { readonly type: "blob.damaged"; readonly digest: Digest; readonly detail: string }
  | { readonly type: "blob.healed"; readonly digest: Digest; readonly size: number }
  | { readonly type: "class.defined"; readonly class: string }
  | { readonly type: "class.removed"; readonly class: string };

/** As a line of the log: the subject is `<repository>@<digest>`, `<repository>:<tag>`, `packages/<id>`, or what belongs to no repository. */
export function eventOf(event: StoreEvent): NewEvent {
  const { type, ...data } = event;
  if (event.type === "blob.deleted" || event.type === "blob.damaged" || event.type === "blob.healed") {
    return { type, subject: event.digest, data };
  }
  if (event.type === "class.defined" || event.type === "class.removed") return { type, subject: event.class, data };
  return {
    type,
    subject:
      "package" in event
        ? `packages/${event.package}`
        : "tag" in event
          ? `${event.repository}:${event.tag}`
          : `${event.repository}@${event.digest}`,
    tenant: tenantOfRepository(event.repository),
    data,
  };
}
