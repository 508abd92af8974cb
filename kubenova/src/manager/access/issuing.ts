import type { Principal } from "@waybill/foundation/auth";
import type { RoleName } from "../../contract/index.ts";

/** Nobody makes a token that can do more than they can: ops makes none for an admin. */
export function mayIssue(issuer: Principal, roles: readonly RoleName[]): boolean {
  if (issuer.roles.includes("admin")) return true;
  return issuer.roles.includes("ops") && !roles.includes("admin");
}
