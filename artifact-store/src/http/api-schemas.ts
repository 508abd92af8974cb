import { z } from "zod";
import { parseDigest, type Digest } from "../digest/index.ts";

/** Pieces of `/api/v1` that several calls share. Times are RFC 3339 in UTC, sizes bytes. */
export const schemas: z.core.$ZodRegistry<{ id: string; description?: string }> = z.registry();

const largestPage = 1000;
const noCursor = "not a cursor: pass the nextCursor of the page before";

export const pageQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^[1-9][0-9]{0,3}$/u, `a whole number from 1 to ${largestPage}`)
    .refine((text) => Number(text) <= largestPage, { error: `a whole number from 1 to ${largestPage}` })
    .optional(),
  cursor: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,1024}$/u, noCursor)
    .refine((text) => !Buffer.from(text, "base64url").includes(0), { error: noCursor })
    .optional(),
});

export function pageAsked(query: z.output<typeof pageQuery>): { readonly limit: number; readonly after: string } {
  const after = query.cursor === undefined ? "" : Buffer.from(query.cursor, "base64url").toString("utf8");
  return { limit: query.limit === undefined ? 100 : Number(query.limit), after };
}

/** @param last what the next page begins after; undefined on the last page */
export function pageAnswer<T>(
  items: readonly T[],
  last: string | undefined,
): { readonly items: T[]; readonly nextCursor?: string } {
  const nextCursor = last === undefined ? undefined : Buffer.from(last).toString("base64url");
  return { items: [...items], ...(nextCursor === undefined ? {} : { nextCursor }) };
}

export function pageSchema<T extends z.ZodType>(
  item: T,
): z.ZodObject<{ items: z.ZodArray<T>; nextCursor: z.ZodOptional<z.ZodString> }> {
  return z.object({ items: z.array(item), nextCursor: z.string().optional() });
}

export const time = z.iso.datetime({ offset: true });

/** The latest that a date can say stands for what is later. */
export function timeText(at: number): string {
  return new Date(Math.min(at, 8.64e15)).toISOString();
}

export const digest = z.custom<Digest>((value) => typeof value === "string" && parseDigest(value) !== undefined);
export const repositoryName = z.string().max(255);

/** What people say: one line, as the store takes it. */
export const why = z.string().min(1).max(500);
