import {
  nextCursorHeader,
  pageSize,
  parseLabelSelector,
  type LabelRequirement,
  type PageQuery,
} from "../../contract/index.ts";
import { problemOf } from "../problems.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import type { Answer } from "./endpoint.ts";

/** What a list call asks for, understood. */
export interface PageRequest {
  readonly limit: number;
  /** The page begins after this name. */
  readonly after: string | undefined;
  readonly requirements: readonly LabelRequirement[];
  /** What makes this list, for its cursors. */
  readonly list: readonly string[];
}

/**
 * @param place what is listed, with the ids of its path.
 * @throws Problem 400 on a selector or cursor that cannot be read.
 */
export function readPage(query: PageQuery, place: readonly string[]): PageRequest {
  const selector = parseLabelSelector(query.labelSelector ?? "");
  if (!selector.ok) throw problemOf(400, `labelSelector: ${selector.message}`);
  const list = [...place, query.labelSelector ?? ""];
  return {
    limit: query.limit === undefined ? pageSize.usual : Number(query.limit),
    after: decodeCursor(query.cursor, list),
    requirements: selector.requirements,
    list,
  };
}

/** @param items up to one more than the page holds: the surplus says that the list goes on. */
export function pageAnswer(items: readonly { readonly name: string }[], page: PageRequest): Answer {
  const shown = items.slice(0, page.limit);
  const last = shown.at(-1);
  const more = items.length > page.limit && last !== undefined;
  return { body: { items: shown }, headers: more ? { [nextCursorHeader]: encodeCursor(last.name, page.list) } : {} };
}
