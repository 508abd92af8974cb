import { z } from "zod";

/**
 * The schemas that have a name of their own in the OpenAPI document (`#/components/schemas/<id>`). Not zod's global
 * registry: other rooms share the process and must not end up in this document.
 */
export const namedSchemas = z.registry<{ id: string; description?: string }>();
