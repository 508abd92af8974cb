import { seesAllTenants, type Principal } from "@waybill/foundation/auth";
import { Problem } from "@waybill/foundation/errors";

/** What a reader may and wants to see. */
export interface ReaderFilter {
  /** The tenant that the reader is bound to; the empty name, which no pull has, when it may see none. */
  readonly boundTo?: string;
  readonly tenant?: string;
  readonly nodeName?: string;
}

/** @throws Problem 400 for a filter that is too long to be a name. */
export function readerFilter(
  principal: Principal,
  query: { readonly node?: string | undefined; readonly tenant?: string | undefined },
): ReaderFilter {
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value.length > 253) {
      throw new Problem({
        code: "PT-400",
        status: 400,
        title: "Bad filter",
        detail: `?${name}= takes a name of at most 253 characters.`,
      });
    }
  }
  return {
    ...(seesAllTenants(principal) ? {} : { boundTo: principal.tenant ?? "" }),
    ...(query.tenant === undefined || query.tenant === "" ? {} : { tenant: query.tenant }),
    ...(query.node === undefined || query.node === "" ? {} : { nodeName: query.node }),
  };
}

export function isVisible(
  filter: ReaderFilter,
  item: { readonly nodeName: string; readonly tenant?: string },
): boolean {
  return (
    (filter.boundTo === undefined || item.tenant === filter.boundTo) &&
    (filter.tenant === undefined || item.tenant === filter.tenant) &&
    (filter.nodeName === undefined || item.nodeName === filter.nodeName)
  );
}

/** Readers with the same key see the same events, so that one encoding serves them all. */
export function filterKey(filter: ReaderFilter): string {
  return JSON.stringify([filter.boundTo ?? null, filter.tenant ?? null, filter.nodeName ?? null]);
}
