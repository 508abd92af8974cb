import { access, type Access } from "@waybill/foundation/auth";
import type { OperationId } from "../../contract/index.ts";

/**
 * How far a call reaches, which decides what a caller that is bound to a tenant gets of it:
 * - `self`: nothing but the caller and the server itself; the tenant does not matter;
 * - `installation`: things above tenants; a bound caller is refused;
 * - `tenants`: a list; a bound caller sees its own entry alone (the handler narrows it);
 * - `tenant`: the tenant that the path names; a bound caller finds only its own.
 */
type Reach = "self" | "installation" | "tenants" | "tenant";

export interface RoleRow {
  readonly access: Access;
  readonly reach: Reach;
}

/** Who may make which call. The type holds one row for each operation; a test walks the registered routes as well. */
export const roleTable: Readonly<Record<OperationId, RoleRow>> = {
  getVersion: { access: access.public, reach: "self" },
  getFeatures: { access: access.public, reach: "self" },
  getOpenApiJson: { access: access.public, reach: "self" },
  getOpenApiYaml: { access: access.public, reach: "self" },

  createToken: { access: access.operators, reach: "installation" },
  getCaller: { access: access.everyone, reach: "self" },
  // The body carries the token that is checked; ending a session only takes the caller's own cookie away.
  createSession: { access: access.public, reach: "self" },
  deleteSession: { access: access.public, reach: "self" },

  createCluster: { access: access.operators, reach: "installation" },
  listClusters: { access: access.operators, reach: "installation" },
  getCluster: { access: access.operators, reach: "installation" },
  deleteCluster: { access: access.operators, reach: "installation" },

  createTenant: { access: access.operators, reach: "installation" },
  listTenants: { access: access.everyone, reach: "tenants" },
  getTenant: { access: access.everyone, reach: "tenant" },
  deleteTenant: { access: access.roles("admin", "ops", "tenantOwner"), reach: "tenant" },
};
