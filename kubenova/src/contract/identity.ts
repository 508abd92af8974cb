import { z } from "zod";
import { identifier, timestamp } from "./names.ts";
import { namedSchemas } from "./registry.ts";

/** From the widest to the narrowest; the last three are bound to one tenant. */
export const operatorRoles = ["admin", "ops"] as const;
export const tenantBoundRoles = ["tenantOwner", "projectDev", "readOnly"] as const;
export const roleNames = [...operatorRoles, ...tenantBoundRoles] as const;
export type RoleName = (typeof roleNames)[number];

const subject = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[A-Za-z0-9](?:[-A-Za-z0-9_.:@/+]*[A-Za-z0-9])?$/u, "use letters, digits and any of - _ . : @ / +");

const roles = z
  .array(z.enum(roleNames))
  .min(1)
  .max(roleNames.length)
  .refine((all) => new Set(all).size === all.length, { error: "each role once" });

/** Minutes. Tokens cannot be taken back one by one yet, so that the longest life is a month. */
export const tokenLife = { shortest: 1, longest: 30 * 24 * 60, usual: 60 } as const;

/** Body of `POST /tokens`. */
export const newToken = z
  .strictObject({
    subject,
    roles,
    tenant: identifier.optional(),
    ttlMinutes: z.int().min(tokenLife.shortest).max(tokenLife.longest).optional(),
  })
  .refine(
    ({ roles, tenant }) => (tenant === undefined) === roles.every((role) => operatorRoles.some((it) => it === role)),
    {
      error: "tenantOwner, projectDev and readOnly need the id of a tenant; admin and ops have none",
      path: ["tenant"],
    },
  )
  .refine(({ roles }) => new Set(roles.map((role) => operatorRoles.some((it) => it === role))).size < 2, {
    error: "roles of operators and roles within a tenant do not go into one token",
    path: ["roles"],
  })
  .register(namedSchemas, { id: "NewToken" });
export type NewToken = z.output<typeof newToken>;

export const issuedToken = z
  .object({ token: z.string(), expiresAt: timestamp })
  .register(namedSchemas, { id: "IssuedToken", description: "A signed token; it is shown once and not kept." });

/** Body of `POST /session`. */
export const newSession = z
  .strictObject({ token: z.string().min(1).max(8192) })
  .register(namedSchemas, { id: "NewSession" });

/** Answer of `GET /me`. */
export const caller = z
  .object({
    subject: z.string(),
    roles: z.array(z.enum(roleNames)),
    /** Id and name of the tenant that the caller is bound to. */
    tenantId: identifier.optional(),
    tenant: z.string().optional(),
    /** True when authentication is off and nobody proved who they are. */
    anonymous: z.boolean(),
  })
  .register(namedSchemas, { id: "Caller", description: "Who the server takes the caller for." });
export type Caller = z.output<typeof caller>;
