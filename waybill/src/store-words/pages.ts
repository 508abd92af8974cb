import type { Page, PageAsked } from "../store-access/index.ts";

const pageSize = 500;

/** Everything of a list, page by page. */
export async function* allOf<T>(list: (page: PageAsked) => Promise<Page<T>>): AsyncGenerator<readonly T[]> {
  let cursor: string | undefined;
  do {
    const page: Page<T> = await list({ limit: pageSize, ...(cursor === undefined ? {} : { cursor }) });
    if (page.items.length > 0) yield page.items;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}
