import type { Authenticator } from "@waybill/foundation/auth";

/**
 * A token that is bound to a tenant is good for as long as the tenant is there. Without this, the token of a deleted
 * tenant would open the repositories of whoever is given its name next.
 * @param exists whether there is a tenant with this id.
 */
export function withLivingTenant(inner: Authenticator, exists: (tenantId: string) => Promise<boolean>): Authenticator {
  return async (credentials) => {
    const principal = await inner(credentials);
    if (principal?.tenantId === undefined) return principal;
    return (await exists(principal.tenantId)) ? principal : undefined;
  };
}
