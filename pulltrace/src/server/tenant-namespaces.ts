/**
 * Whether a namespace is a tenant's: `<tenant>-owner` and `<tenant>-apps` are, as the control plane names them. Nothing
 * else is: that a name begins with a tenant's proves nothing (`acme` and `acme-lab` are two).
 */
export function isNamespaceOf(tenant: string, namespace: string): boolean {
  return namespace === `${tenant}-owner` || namespace === `${tenant}-apps`;
}
