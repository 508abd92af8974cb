import { z } from "zod";
import { timestamp } from "./names.ts";
import { namedSchemas } from "./registry.ts";

/** Answer of `GET /version`. */
export const version = z
  .object({
    name: z.literal("kubenova"),
    version: z.string(),
    apiVersion: z.literal("v1"),
    /** `KUBENOVA_ENV`: what this installation is for. */
    environment: z.string(),
    startedAt: timestamp,
  })
  .register(namedSchemas, { id: "Version" });

/** Answer of `GET /features`: what this server can do, so that a client need not try. */
export const features = z
  .object({
    authentication: z.boolean(),
    clusters: z.boolean(),
    tenants: z.boolean(),
    tokens: z.boolean(),
    sessions: z.boolean(),
    idempotencyKeys: z.boolean(),
  })
  .register(namedSchemas, { id: "Features" });
