import { z } from "zod";
import { cluster, clusterList, newCluster } from "./cluster.ts";
import { exampleCaller, exampleCluster, exampleTenant, exampleToken } from "./examples.ts";
import { caller, issuedToken, newSession, newToken, tokenLife } from "./identity.ts";
import { identifier } from "./names.ts";
import type { Operation } from "./operation.ts";
import { nextCursorHeader, pageQuery } from "./page.ts";
import { features, version } from "./system.ts";
import { newTenant, tenant, tenantList } from "./tenant.ts";

const clusterPath = z.strictObject({ clusterID: identifier });
const tenantPath = z.strictObject({ clusterID: identifier, tenantID: identifier });

const entityTag = {
  ETag: "Changes whenever the resource does; send it as If-Match to change only what you have seen.",
};
const created = { ...entityTag, Location: "Path of what was made." };
const nextPage = { [nextCursorHeader]: "Pass it as `cursor` to read on; absent on the last page." };

const system = {
  getVersion: {
    id: "getVersion",
    method: "GET",
    path: "/version",
    tag: "system",
    summary: "Which release answers, since when, and for what",
    answer: {
      status: 200,
      description: "The release.",
      schema: version,
      example: {
        name: "kubenova",
        version: "0.1.0",
        apiVersion: "v1",
        environment: "production",
        startedAt: "2026-11-21T09:00:00.000Z",
      },
    },
  },
  getFeatures: {
    id: "getFeatures",
    method: "GET",
    path: "/features",
    tag: "system",
    summary: "What this server can do",
    answer: {
      status: 200,
      description: "One entry for each ability; what is missing is not there.",
      schema: features,
      example: {
        authentication: true,
        clusters: true,
        tenants: true,
        tokens: true,
        sessions: true,
        idempotencyKeys: true,
      },
    },
  },
  getOpenApiJson: {
    id: "getOpenApiJson",
    method: "GET",
    path: "/openapi.json",
    tag: "system",
    summary: "This document",
    answer: { status: 200, description: "OpenAPI 3.1 as JSON.", schema: z.looseObject({}) },
  },
  getOpenApiYaml: {
    id: "getOpenApiYaml",
    method: "GET",
    path: "/openapi.yaml",
    tag: "system",
    summary: "This document as YAML",
    answer: { status: 200, description: "OpenAPI 3.1 as YAML.", schema: z.string(), mediaType: "application/yaml" },
  },
} as const satisfies Record<string, Operation>;

const identity = {
  createToken: {
    id: "createToken",
    method: "POST",
    path: "/api/v1/tokens",
    tag: "identity",
    summary: "Make a token",
    description:
      `Lives ${tokenLife.usual} minutes unless ttlMinutes says otherwise. Only an admin makes a token for an admin. ` +
      "A repetition with the same Idempotency-Key gives a token of the same subject, roles and end: tokens are not stored.",
    body: newToken,
    bodyExample: { subject: "ci", roles: ["projectDev"], tenant: exampleTenant.id, ttlMinutes: 60 },
    idempotent: true,
    answer: { status: 201, description: "The token, shown this once.", schema: issuedToken, example: exampleToken },
    problems: [409, 422],
  },
  getCaller: {
    id: "getCaller",
    method: "GET",
    path: "/api/v1/me",
    tag: "identity",
    summary: "Who the server takes you for",
    answer: { status: 200, description: "The caller.", schema: caller, example: exampleCaller },
  },
  createSession: {
    id: "createSession",
    method: "POST",
    path: "/api/v1/session",
    tag: "identity",
    summary: "Give a browser a session",
    description:
      "Puts the token into a cookie that scripts cannot read and other sites cannot send. The cookie is good for GET " +
      "and HEAD only; changes need the token itself in the Authorization header.",
    body: newSession,
    bodyExample: { token: exampleToken.token },
    answer: {
      status: 200,
      description: "The caller that the token stands for.",
      schema: caller,
      example: exampleCaller,
      headers: { "Set-Cookie": "The session; HttpOnly, SameSite=Strict." },
    },
    problems: [401, 409],
  },
  deleteSession: {
    id: "deleteSession",
    method: "DELETE",
    path: "/api/v1/session",
    tag: "identity",
    summary: "End the browser's session",
    answer: {
      status: 204,
      description: "The cookie is gone, also when there was none.",
      headers: { "Set-Cookie": "An empty session that has ended." },
    },
  },
} as const satisfies Record<string, Operation>;

const clusters = {
  createCluster: {
    id: "createCluster",
    method: "POST",
    path: "/api/v1/clusters",
    tag: "clusters",
    summary: "Register a cluster",
    body: newCluster,
    bodyExample: { name: exampleCluster.name, datacenter: "fra1", labels: exampleCluster.labels },
    idempotent: true,
    answer: {
      status: 201,
      description: "The new cluster.",
      schema: cluster,
      example: exampleCluster,
      headers: created,
    },
    problems: [409, 422],
  },
  listClusters: {
    id: "listClusters",
    method: "GET",
    path: "/api/v1/clusters",
    tag: "clusters",
    summary: "List clusters",
    query: pageQuery,
    answer: {
      status: 200,
      description: "One page.",
      schema: clusterList,
      example: { items: [exampleCluster] },
      headers: nextPage,
    },
  },
  getCluster: {
    id: "getCluster",
    method: "GET",
    path: "/api/v1/clusters/{clusterID}",
    tag: "clusters",
    summary: "Read a cluster",
    parameters: clusterPath,
    answer: { status: 200, description: "The cluster.", schema: cluster, example: exampleCluster, headers: entityTag },
    problems: [404],
  },
  deleteCluster: {
    id: "deleteCluster",
    method: "DELETE",
    path: "/api/v1/clusters/{clusterID}",
    tag: "clusters",
    summary: "Forget a cluster",
    description: "Refused while tenants live on it.",
    parameters: clusterPath,
    idempotent: true,
    conditional: true,
    answer: { status: 204, description: "The cluster is forgotten." },
    problems: [404, 409, 412, 422],
  },
} as const satisfies Record<string, Operation>;

const tenants = {
  createTenant: {
    id: "createTenant",
    method: "POST",
    path: "/api/v1/clusters/{clusterID}/tenants",
    tag: "tenants",
    summary: "Create a tenant on a cluster",
    description:
      "The name is the first path element of the tenant's repositories in the artifact store, and names the same " +
      "organisation on every cluster.",
    parameters: clusterPath,
    body: newTenant,
    bodyExample: {
      name: exampleTenant.name,
      owners: exampleTenant.owners,
      plan: exampleTenant.plan,
      labels: exampleTenant.labels,
      quotas: exampleTenant.quotas,
      limits: exampleTenant.limits,
      networkPolicies: exampleTenant.networkPolicies,
    },
    idempotent: true,
    answer: { status: 201, description: "The new tenant.", schema: tenant, example: exampleTenant, headers: created },
    problems: [404, 409, 422],
  },
  listTenants: {
    id: "listTenants",
    method: "GET",
    path: "/api/v1/clusters/{clusterID}/tenants",
    tag: "tenants",
    summary: "List the tenants of a cluster",
    description: "A caller that is bound to a tenant sees that one alone.",
    parameters: clusterPath,
    query: pageQuery,
    answer: {
      status: 200,
      description: "One page.",
      schema: tenantList,
      example: { items: [exampleTenant] },
      headers: nextPage,
    },
    problems: [404],
  },
  getTenant: {
    id: "getTenant",
    method: "GET",
    path: "/api/v1/clusters/{clusterID}/tenants/{tenantID}",
    tag: "tenants",
    summary: "Read a tenant",
    parameters: tenantPath,
    answer: { status: 200, description: "The tenant.", schema: tenant, example: exampleTenant, headers: entityTag },
    problems: [404],
  },
  deleteTenant: {
    id: "deleteTenant",
    method: "DELETE",
    path: "/api/v1/clusters/{clusterID}/tenants/{tenantID}",
    tag: "tenants",
    summary: "Delete a tenant",
    parameters: tenantPath,
    idempotent: true,
    conditional: true,
    answer: { status: 204, description: "The tenant is deleted; its tokens are good for nothing from now on." },
    problems: [404, 409, 412, 422],
  },
} as const satisfies Record<string, Operation>;

/** Every call of the API, by its id. */
export const operations = { ...system, ...identity, ...clusters, ...tenants };
export type OperationId = keyof typeof operations;
export const operationIds = Object.keys(operations) as readonly OperationId[];
