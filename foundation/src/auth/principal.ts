/** From the widest to the narrowest. The last three are bound to one tenant. */
export const roles = ["admin", "ops", "tenantOwner", "projectDev", "readOnly"] as const;
export type Role = (typeof roles)[number];

/** Roles that make sense only within a tenant. */
export const tenantRoles = ["tenantOwner", "projectDev", "readOnly"] as const satisfies readonly Role[];

export interface Principal {
  readonly subject: string;
  readonly roles: readonly Role[];
  /** Name of the tenant that this caller is bound to: the first path element of its repositories. */
  readonly tenant?: string;
  /** The tenant's id in the control plane (UUID). */
  readonly tenantId?: string;
  /** Ids of the projects that a `projectDev` may write. */
  readonly projects?: readonly string[];
  /** True when nobody proved who they are: no authentication is configured, or strangers may come in. */
  readonly anonymous: boolean;
  /**
   * Set when the token is for one audience only: all that it may be used for there, in the audience's own words (RFC 6749
   * section 3.3). It narrows what roles and tenant allow and never widens it.
   */
  readonly scopes?: readonly string[];
}

/** Everybody, when no authentication is configured. */
export const openPrincipal: Principal = { subject: "anonymous", roles: ["admin"], anonymous: true };

/** Only admin and ops are above tenants; and not even they, when their token names one. */
export function seesAllTenants(principal: Principal): boolean {
  return (
    principal.tenant === undefined &&
    principal.tenantId === undefined &&
    principal.roles.some((role) => role === "admin" || role === "ops")
  );
}

export function mayReadTenant(principal: Principal, tenantName: string): boolean {
  return seesAllTenants(principal) || (principal.roles.length > 0 && principal.tenant === tenantName);
}

export function mayWriteTenant(principal: Principal, tenantName: string): boolean {
  return mayReadTenant(principal, tenantName) && principal.roles.some((role) => role !== "readOnly");
}
