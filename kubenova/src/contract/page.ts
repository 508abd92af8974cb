import { z } from "zod";
import { longestSelector } from "./label-selector.ts";

export const pageSize = { usual: 50, most: 200 } as const;

/** Query of every list. */
export const pageQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^[0-9]{1,3}$/u, `a whole number from 1 to ${pageSize.most}`)
    .refine((text) => Number(text) >= 1 && Number(text) <= pageSize.most, {
      error: `a whole number from 1 to ${pageSize.most}`,
    })
    .optional(),
  cursor: z
    .string()
    .max(1024)
    .regex(/^[A-Za-z0-9_-]+$/u, "not a cursor: pass the X-Next-Cursor of the page before")
    .optional(),
  labelSelector: z.string().max(longestSelector).optional(),
});
export type PageQuery = z.output<typeof pageQuery>;

/** Response header of a list that goes on. */
export const nextCursorHeader = "X-Next-Cursor";
