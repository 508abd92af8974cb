import { z } from "zod";
import { labels } from "./labels.ts";
import { identifier, tenantName, timestamp } from "./names.ts";
import { networkPolicy } from "./network-policy.ts";
import { resourceQuantities } from "./quantity.ts";
import { namedSchemas } from "./registry.ts";

export const planNames = ["baseline", "gold"] as const;
export type PlanName = (typeof planNames)[number];

/** Who owns the tenant inside its cluster: a subject as Kubernetes knows it. */
const tenantOwner = z
  .strictObject({
    kind: z.enum(["User", "Group", "ServiceAccount"]),
    name: z
      .string()
      .min(1)
      .max(253)
      .regex(/^[A-Za-z0-9](?:[-A-Za-z0-9_.:@/+]*[A-Za-z0-9])?$/u, "use letters, digits and any of - _ . : @ / +"),
  })
  .refine((it) => it.kind !== "ServiceAccount" || /^system:serviceaccount:[^:]+:[^:]+$/u.test(it.name), {
    error: "a ServiceAccount is named system:serviceaccount:<namespace>:<name>",
    path: ["name"],
  })
  .refine((it) => it.kind === "ServiceAccount" || !it.name.startsWith("system:"), {
    error: "names under system: belong to Kubernetes: a tenant owned by one of them would belong to every workload",
    path: ["name"],
  })
  .register(namedSchemas, { id: "TenantOwner" });
export type TenantOwner = z.output<typeof tenantOwner>;

const owners = z.array(tenantOwner).max(50);
const networkPolicies = z.array(networkPolicy).max(20);
const plan = z.enum(planNames);

/** Body of `POST /clusters/{clusterID}/tenants`. */
export const newTenant = z
  .strictObject({
    name: tenantName,
    owners: owners.optional(),
    plan: plan.optional(),
    labels: labels.optional(),
    quotas: resourceQuantities.optional(),
    limits: resourceQuantities.optional(),
    networkPolicies: networkPolicies.optional(),
  })
  .register(namedSchemas, { id: "NewTenant" });
export type NewTenant = z.output<typeof newTenant>;

export const tenant = z
  .object({
    id: identifier,
    clusterId: identifier,
    name: tenantName,
    owners,
    plan,
    labels,
    /** What all namespaces of the tenant may use together. */
    quotas: resourceQuantities,
    /** What one container may use. */
    limits: resourceQuantities,
    networkPolicies,
    ownerNamespace: z.string(),
    appsNamespace: z.string(),
    createdAt: timestamp,
    updatedAt: timestamp,
  })
  .register(namedSchemas, { id: "Tenant", description: "An organisation on a cluster, and what it may use there." });
export type Tenant = z.output<typeof tenant>;

export const tenantList = z
  .object({ items: z.array(tenant) })
  .register(namedSchemas, { id: "TenantList", description: "One page of tenants, in the order of their names." });
