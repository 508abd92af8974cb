import type { HttpRoute } from "@waybill/foundation/http";
import type { Cluster } from "../../contract/index.ts";
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
import { countTenants, findCluster, insertCluster, listClusters, lockCluster, removeCluster } from "./store.ts";

function eventOf(type: string, cluster: Cluster): { type: string; subject: string; data: unknown } {
  return { type, subject: `clusters/${cluster.id}`, data: { id: cluster.id, name: cluster.name } };
}

export function clusterRoutes(parts: EndpointParts, now: () => number): HttpRoute[] {
  const { read } = parts.database;
  return [
    changing("createCluster", parts, async ({ body }, tx) => {
      const cluster = await insertCluster(tx, body, now());
      if (cluster === undefined) throw problemOf(409, `There is a cluster ${body.name} already.`);
      return {
        body: cluster,
        headers: { etag: entityTagOf(cluster), location: `/api/v1/clusters/${cluster.id}` },
        events: [eventOf("cluster.created", cluster)],
      };
    }),
    reading("listClusters", async ({ query }) => {
      const page = readPage(query, ["clusters"]);
      return pageAnswer(await listClusters(read, page), page);
    }),
    reading("getCluster", async ({ parameters }) => {
      const cluster = await findCluster(read, parameters.clusterID);
      if (cluster === undefined) throw notFound("cluster");
      return { body: cluster, headers: { etag: entityTagOf(cluster) } };
    }),
    changing("deleteCluster", parts, async ({ parameters, ifMatch }, tx) => {
      if (!(await lockCluster(tx, parameters.clusterID))) throw notFound("cluster");
      const cluster = await findCluster(tx, parameters.clusterID);
      if (cluster === undefined) throw notFound("cluster");
      requireMatch(ifMatch, entityTagOf(cluster));
      const tenants = await countTenants(tx, cluster.id);
      if (tenants > 0) {
        throw problemOf(
          409,
          `${tenants} ${tenants === 1 ? "tenant lives" : "tenants live"} on this cluster. Delete them first.`,
        );
      }
      await removeCluster(tx, cluster.id);
      return { events: [eventOf("cluster.deleted", cluster)] };
    }),
  ];
}
