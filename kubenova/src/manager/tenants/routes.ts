import { seesAllTenants } from "@waybill/foundation/auth";
import type { NewEvent } from "@waybill/foundation/eventlog";
import type { HttpRoute } from "@waybill/foundation/http";
import type { PlanName, Tenant } from "../../contract/index.ts";
import { findCluster, lockCluster } from "../clusters/index.ts";
import { notFound, problemOf } from "../problems.ts";
import {
  changing,
  entityTagOf,
  pageAnswer,
  reading,
  readPage,
  requireMatch,
  type EndpointParts,
} from "../requests/index.ts";
import type { TenantDirectory } from "./directory.ts";
import { findTenant, insertTenant, listTenants, lockTenant, removeTenant } from "./store.ts";

/** What the directory of tenants reads back from the event log. */
export const tenantEvents = { created: "tenant.created", deleted: "tenant.deleted" } as const;

function eventOf(type: string, tenant: Tenant): NewEvent {
  const data = { id: tenant.id, clusterId: tenant.clusterId, name: tenant.name };
  return { type, subject: `tenants/${tenant.id}`, tenant: tenant.name, data };
}

export interface TenantRouteOptions {
  readonly defaultPlan: PlanName;
  readonly directory: TenantDirectory;
  readonly now: () => number;
}

export function tenantRoutes(parts: EndpointParts, options: TenantRouteOptions): HttpRoute[] {
  const { database } = parts;
  const { directory } = options;
  return [
    changing("createTenant", parts, async ({ parameters, body }, tx) => {
      if (!(await lockCluster(tx, parameters.clusterID))) throw notFound("cluster");
      const asked = { ...body, plan: body.plan ?? options.defaultPlan };
      const tenant = await insertTenant(tx, parameters.clusterID, asked, options.now());
      if (tenant === undefined) throw problemOf(409, `This cluster has a tenant ${body.name} already.`);
      database.onCommit(tx, () => directory.add(tenant.id, tenant.name));
      const location = `/api/v1/clusters/${tenant.clusterId}/tenants/${tenant.id}`;
      return {
        body: tenant,
        headers: { etag: entityTagOf(tenant), location },
        events: [eventOf(tenantEvents.created, tenant)],
      };
    }),
    reading("listTenants", async ({ parameters, query, caller }) => {
      const { clusterID } = parameters;
      const only = seesAllTenants(caller) ? undefined : caller.tenantId;
      // To a bound caller every cluster but its own is as good as none.
      const known =
        only === undefined
          ? await findCluster(database.read, clusterID)
          : await findTenant(database.read, only, clusterID);
      if (known === undefined) throw notFound("cluster");
      const page = readPage(query, ["tenants", clusterID, only ?? ""]);
      return pageAnswer(await listTenants(database.read, clusterID, page, only), page);
    }),
    reading("getTenant", async ({ parameters }) => {
      const tenant = await findTenant(database.read, parameters.tenantID, parameters.clusterID);
      if (tenant === undefined) throw notFound("tenant");
      return { body: tenant, headers: { etag: entityTagOf(tenant) } };
    }),
    changing("deleteTenant", parts, async ({ parameters, ifMatch }, tx) => {
      await lockTenant(tx, parameters.tenantID);
      const tenant = await findTenant(tx, parameters.tenantID, parameters.clusterID);
      if (tenant === undefined) throw notFound("tenant");
      requireMatch(ifMatch, entityTagOf(tenant));
      await removeTenant(tx, tenant.id);
      database.onCommit(tx, () => directory.remove(tenant.id));
      return { events: [eventOf(tenantEvents.deleted, tenant)] };
    }),
  ];
}
