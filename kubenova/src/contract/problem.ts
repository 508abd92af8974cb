import { z } from "zod";
import { namedSchemas } from "./registry.ts";

/** Every status that the API answers an error with, and the title of its code `KN-<status>`. */
export const problemTitles = {
  400: "The request cannot be read",
  401: "Credentials are missing or prove nothing",
  403: "Not allowed",
  404: "Not found",
  405: "Method not allowed",
  409: "In conflict with the present state",
  412: "The resource has changed",
  413: "The body is too large",
  415: "The body has the wrong media type",
  422: "The request cannot be carried out",
  429: "Too many requests",
  500: "Internal error",
  503: "Not available now",
} as const;
export type ProblemStatus = keyof typeof problemTitles;
export const problemStatuses = Object.keys(problemTitles).map(Number) as readonly ProblemStatus[];

export function problemCode(status: number): string {
  return `KN-${status}`;
}

/** Body of every error, `application/problem+json` (RFC 9457). */
export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().regex(/^KN-[0-9]{3}$/u),
    message: z.string(),
    instance: z.string().optional(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  })
  .register(namedSchemas, {
    id: "Problem",
    description:
      "RFC 9457. `code` is for programs, `message` repeats `detail`, `errors[].pointer` is a JSON pointer into the body.",
  });
