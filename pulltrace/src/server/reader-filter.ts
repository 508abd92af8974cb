import { seesAllTenants, type Principal } from "@waybill/foundation/auth";
import { Problem } from "@waybill/foundation/errors";
import { isNamespaceOf } from "./tenant-namespaces.ts";

/** What a reader may and wants to see. */
export interface ReaderFilter {
  /** The tenant that the reader is bound to; the empty name, which no pull has, when it may see none. */
  readonly boundTo?: string;
  readonly tenant?: string;
  readonly nodeName?: string;
  /** Pulls that a pod of this namespace waits for. */
  readonly namespace?: string;
  /** A whole reference, or one without tag and digest for all of the repository. */
  readonly image?: string;
}

/** What decides whether a reader sees something of a pull. */
export interface Filtered {
  readonly nodeName: string;
  readonly tenant?: string;
  readonly imageRef?: string;
  readonly pods?: readonly { readonly namespace: string }[];
}

/** @throws Problem 400 for a filter that is too long to be a name. */
export function readerFilter(
  principal: Principal,
  query: Readonly<Partial<Record<"node" | "tenant" | "namespace" | "image", string | undefined>>>,
): ReaderFilter {
  for (const [name, value] of Object.entries(query)) {
    const most = name === "image" ? 1_024 : 253;
    if (value !== undefined && value.length > most) {
      throw new Problem({
        code: "PT-400",
        status: 400,
        title: "Bad filter",
        detail: `?${name}= takes at most ${most} characters.`,
      });
    }
  }
  return {
    ...(seesAllTenants(principal) ? {} : { boundTo: principal.tenant ?? "" }),
    ...(query.tenant === undefined || query.tenant === "" ? {} : { tenant: query.tenant }),
    ...(query.node === undefined || query.node === "" ? {} : { nodeName: query.node }),
    ...(query.namespace === undefined || query.namespace === "" ? {} : { namespace: query.namespace }),
    ...(query.image === undefined || query.image === "" ? {} : { image: query.image }),
  };
}

export function isVisible(filter: ReaderFilter, item: Filtered): boolean {
  return (
    (filter.boundTo === undefined || item.tenant === filter.boundTo) &&
    (filter.tenant === undefined || item.tenant === filter.tenant) &&
    (filter.nodeName === undefined || item.nodeName === filter.nodeName) &&
    (filter.namespace === undefined || isWaitedForIn(filter.namespace, filter.boundTo, item)) &&
    (filter.image === undefined || isOfImage(item.imageRef ?? "", filter.image))
  );
}

/** A reader who is bound to a tenant learns nothing of other namespaces, not even that a pod waits there. */
function isWaitedForIn(namespace: string, tenant: string | undefined, { pods }: Filtered): boolean {
  if (tenant !== undefined && !isNamespaceOf(tenant, namespace)) return false;
  return pods?.some((pod) => pod.namespace === namespace) === true;
}

function isOfImage(imageRef: string, image: string): boolean {
  if (!imageRef.startsWith(image)) return false;
  const next = imageRef[image.length];
  return next === undefined || next === "@" || (next === ":" && !imageRef.slice(image.length).includes("/"));
}

/** Readers with the same key see the same events, so that one encoding serves them all. */
export function filterKey(filter: ReaderFilter): string {
  return JSON.stringify([filter.boundTo, filter.tenant, filter.nodeName, filter.namespace, filter.image]);
}
