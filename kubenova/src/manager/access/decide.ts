import { permits, seesAllTenants, type Principal } from "@waybill/foundation/auth";
import type { RoleRow } from "./role-table.ts";

/** `hidden`: answered like something that does not exist, so that ids of others cannot be told from free ones. */
export type Decision = "allowed" | "unauthenticated" | "forbidden" | "hidden";

/**
 * Whether a caller may make a call.
 * @param caller undefined when nobody proved who they are.
 * @param tenantId the tenant that the path names, for calls that reach one.
 */
export function decide(row: RoleRow, caller: Principal | undefined, tenantId: string | undefined): Decision {
  if (row.access.kind === "public") return "allowed";
  if (caller === undefined) return "unauthenticated";
  if (!permits(row.access, caller)) return "forbidden";
  if (row.reach === "self" || seesAllTenants(caller)) return "allowed";
  if (row.reach === "installation") return "forbidden";
  if (caller.tenantId === undefined) return "hidden";
  return row.reach === "tenants" || caller.tenantId === tenantId ? "allowed" : "hidden";
}
