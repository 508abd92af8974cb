/** Which names are tenants. Given by the assembly; without it no pull has a tenant. */
export interface TenantOf {
  known(name: string): boolean;
}

/**
 * First path element of the repository in an image reference (`host[:port]/tenant/name…[:tag][@digest]`), or undefined
 * when the repository has one element only and so belongs to nobody.
 */
export function tenantNameOf(imageRef: string): string | undefined {
  const parts = (imageRef.split("@", 1)[0] ?? "").split("/");
  const first = parts[0] ?? "";
  // Docker's rule: the first part is a host when it has a dot, a port or brackets, or is localhost.
  if (parts.length > 1 && (/[.:[]/.test(first) || first === "localhost")) parts.shift();
  return parts.length >= 2 && parts[0] !== "" ? parts[0] : undefined;
}

/** Host of the registry in an image reference; `docker.io` where none is written. */
export function hostOf(imageRef: string): string {
  const first = imageRef.split("/", 1)[0] ?? "";
  return imageRef.includes("/") && (/[.:[]/.test(first) || first === "localhost") ? first : "docker.io";
}

/** From an image reference to the tenant that readers see. */
export function tenantLookup(tenants: TenantOf | undefined): (imageRef: string) => string | undefined {
  if (tenants === undefined) return () => undefined;
  return (imageRef) => {
    const name = tenantNameOf(imageRef);
    return name !== undefined && tenants.known(name) ? name : undefined;
  };
}
