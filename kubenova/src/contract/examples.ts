import type { Cluster } from "./cluster.ts";
import type { Tenant } from "./tenant.ts";

/** One story for all examples of the document: a cluster in Frankfurt and the tenant "acme" on it. */
export const exampleCluster: Cluster = {
  id: "0b9f5c1e-6a0d-4f5e-9d53-5a3f3c1c7a10",
  name: "frankfurt-1",
  datacenter: "fra1",
  labels: { tier: "production" },
  status: "pending_bootstrap",
  createdAt: "2026-11-21T10:00:00.000Z",
  updatedAt: "2026-11-21T10:00:00.000Z",
};

export const exampleTenant: Tenant = {
  id: "5f0c6f0e-8f0b-4f0a-8a3e-2d6b7c9e1f42",
  clusterId: exampleCluster.id,
  name: "acme",
  owners: [{ kind: "User", name: "alice@acme.example" }],
  plan: "gold",
  labels: { tier: "gold", team: "payments" },
  quotas: { "requests.cpu": "6", "requests.memory": "10Gi", pods: "200" },
  limits: { cpu: "2", memory: "4Gi" },
  networkPolicies: [
    {
      podSelector: {},
      policyTypes: ["Egress"],
      egress: [{ to: [{ namespaceSelector: {} }], ports: [{ protocol: "UDP", port: 53 }] }],
    },
  ],
  ownerNamespace: "acme-owner",
  appsNamespace: "acme-apps",
  createdAt: "2026-11-21T10:05:00.000Z",
  updatedAt: "2026-11-21T10:05:00.000Z",
};

export const exampleToken = {
  token: "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJjaSJ9.c2lnbmF0dXJl",
  expiresAt: "2026-11-21T11:05:00.000Z",
};

export const exampleCaller = {
  subject: "ci",
  roles: ["projectDev" as const],
  tenantId: exampleTenant.id,
  tenant: exampleTenant.name,
  anonymous: false,
};
