import { z } from "zod";

/** RFC 1123 label: what Kubernetes allows as the name of a namespace, and OCI as the element of a repository. */
export const dnsLabelPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/u;

const dnsLabel = (longest: number) =>
  z
    .string()
    .min(1)
    .max(longest)
    .regex(dnsLabelPattern, "use lower-case letters, digits and '-', with a letter or digit at both ends");

/** A cluster's name: unique in the whole installation. */
export const clusterName = dnsLabel(63);

/** `-owner` is the longest of the two endings that a tenant's namespaces get, and a namespace has 63 characters. */
const longestTenantName = 63 - "-owner".length;

/**
 * A tenant's name: unique in its cluster. The same name on another cluster is the same organisation, because the name
 * is the first path element of its repositories, and those know no clusters.
 */
export const tenantName = dnsLabel(longestTenantName);

export function ownerNamespace(tenant: string): string {
  return `${tenant}-owner`;
}

export function appsNamespace(tenant: string): string {
  return `${tenant}-apps`;
}

/** UUID in lower case, as every id of the manager. */
export const identifier = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/u, "not a UUID in lower case");

/** RFC 3339 in UTC with milliseconds. */
export const timestamp = z.iso.datetime({ precision: 3 });
