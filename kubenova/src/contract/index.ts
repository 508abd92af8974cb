/**
 * The words of KubeNova: what its API takes and answers, as schemas that validate, give the types, and make the OpenAPI
 * document; and the rules on them that need nothing but the data (names, labels, selectors, quantities). No I/O and no
 * Node, so that a page can import it.
 */
export { cluster, clusterStatuses, newCluster, type Cluster, type NewCluster } from "./cluster.ts";
export {
  caller,
  newToken,
  operatorRoles,
  roleNames,
  tenantBoundRoles,
  tokenLife,
  type Caller,
  type NewToken,
  type RoleName,
} from "./identity.ts";
export { labels, type Labels } from "./labels.ts";
export { parseLabelSelector, selects, type LabelRequirement, type ParsedSelector } from "./label-selector.ts";
export { appsNamespace, clusterName, identifier, ownerNamespace, tenantName } from "./names.ts";
export type { NetworkPolicy } from "./network-policy.ts";
export type { Operation, OperationInput, ParameterSchema } from "./operation.ts";
export { operationIds, operations, type OperationId } from "./operations.ts";
export { nextCursorHeader, pageSize, type PageQuery } from "./page.ts";
export { problem, problemCode, problemStatuses, problemTitles, type ProblemStatus } from "./problem.ts";
export { quantity, type ResourceQuantities } from "./quantity.ts";
export { namedSchemas } from "./registry.ts";
export {
  newTenant,
  planNames,
  tenant,
  type NewTenant,
  type PlanName,
  type Tenant,
  type TenantOwner,
} from "./tenant.ts";
