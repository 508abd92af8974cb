import { z } from "zod";
import { labels } from "./labels.ts";
import { clusterName, identifier, timestamp } from "./names.ts";
import { namedSchemas } from "./registry.ts";

/** Where the connection to a cluster's operator stands. */
export const clusterStatuses = ["pending_bootstrap", "bootstrapping", "connected", "error", "disconnected"] as const;

const datacenter = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/u, "use letters, digits, '-', '_' and '.'");

/** Body of `POST /clusters`. */
export const newCluster = z
  .strictObject({ name: clusterName, datacenter: datacenter.optional(), labels: labels.optional() })
  .register(namedSchemas, { id: "NewCluster" });
export type NewCluster = z.output<typeof newCluster>;

export const cluster = z
  .object({
    id: identifier,
    name: clusterName,
    datacenter: datacenter.optional(),
    labels,
    status: z.enum(clusterStatuses),
    createdAt: timestamp,
    updatedAt: timestamp,
  })
  .register(namedSchemas, { id: "Cluster", description: "A Kubernetes cluster that tenants live on." });
export type Cluster = z.output<typeof cluster>;

export const clusterList = z
  .object({ items: z.array(cluster) })
  .register(namedSchemas, { id: "ClusterList", description: "One page of clusters, in the order of their names." });
