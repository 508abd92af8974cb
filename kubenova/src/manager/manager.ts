import { openAuthenticator, type Authenticator, type TokenAuthority } from "@waybill/foundation/auth";
import type { Database } from "@waybill/foundation/database";
import { createEventLog } from "@waybill/foundation/eventlog";
import type { HealthCheck, RouteGroup } from "@waybill/foundation/http";
import type { Logger } from "@waybill/foundation/telemetry";
import { newCluster, type Cluster, type PlanName } from "../contract/index.ts";
import { clusterRoutes, findClusterByName, insertCluster } from "./clusters/index.ts";
import { identityRoutes, withLivingTenant } from "./identity/index.ts";
import { problemResponse } from "./problems.ts";
import { KeptAnswers } from "./requests/index.ts";
import type { ManagerTables } from "./storage/index.ts";
import { systemRoutes } from "./system/index.ts";
import { allTenantNames, findTenant, followTenants, TenantDirectory, tenantRoutes } from "./tenants/index.ts";

/** Milliseconds between two sweeps of expired idempotency keys. */
const sweepIntervalMs = 60 * 60 * 1000;

export interface ManagerOptions {
  /** With `managerMigrations` and `eventLogMigrations` applied. Stays open when the manager is closed. */
  readonly database: Database<unknown>;
  /** Signs and checks tokens. Absent: authentication is off and everybody is admin. */
  readonly authority?: TokenAuthority;
  readonly log: Logger;
  readonly version: string;
  /** What this installation is for; `development` when absent. */
  readonly environment?: string;
  readonly startedAt?: Date;
  /** Plan of tenants that are created without one; `baseline` when absent. */
  readonly defaultPlan?: PlanName;
  /** Milliseconds since 1970; for tests. */
  readonly clock?: () => number;
}

export interface Manager {
  readonly groups: readonly RouteGroup[];
  readonly health: readonly HealthCheck[];
  /** Which names are tenants', answered from memory. */
  readonly tenantOf: { known(name: string): boolean };
  /** Checks tokens, and that the tenant of a bound token still exists. Give it to `createApp`. */
  readonly authenticator: Authenticator;
  /** The cluster of this name, made when there is none; for the cluster that an installation brings along. */
  ensureCluster(name: string): Promise<Cluster>;
  close(): Promise<void>;
}

/** The manager on a database: its routes, its health, and what other systems ask of it. */
export async function createManager(options: ManagerOptions): Promise<Manager> {
  const { authority, log } = options;
  const now = options.clock ?? Date.now;
  const database = options.database.as<ManagerTables>();
  const events = createEventLog({ database: options.database, stream: "kubenova" });
  const kept = new KeptAnswers(database, now);
  const directory = new TenantDirectory();
  const stopFollowing = await followTenants({ events, directory, log, load: () => allTenantNames(database.read) });

  const authenticator =
    authority === undefined
      ? openAuthenticator()
      : withLivingTenant(
          authority.authenticator,
          // A tenant that another process has just made may not be in the directory yet.
          async (id) => directory.has(id) || (await findTenant(database.read, id)) !== undefined,
        );

  const sweep = (): void => {
    kept.sweep().catch((error: unknown) => log.warn({ err: error }, "cannot delete expired idempotency keys"));
  };
  const sweeping = setInterval(sweep, sweepIntervalMs);
  sweeping.unref();

  async function ensureCluster(name: string): Promise<Cluster> {
    const asked = newCluster.parse({ name });
    return database.transaction(async (tx) => {
      const made = await insertCluster(tx, asked, now());
      if (made === undefined) {
        const found = await findClusterByName(tx, name);
        if (found === undefined) throw new Error(`the cluster ${name} was deleted while it was looked for`);
        return found;
      }
      const data = { id: made.id, name: made.name };
      await events.append(tx, [{ type: "cluster.created", subject: `clusters/${made.id}`, data }]);
      return made;
    });
  }

  const parts = { database, events, kept };
  const group: RouteGroup = {
    name: "kubenova",
    routes: [
      ...systemRoutes({
        version: options.version,
        environment: options.environment ?? "development",
        startedAt: options.startedAt ?? new Date(now()),
        authentication: authority !== undefined,
      }),
      ...identityRoutes(parts, { authority, authenticator, now }),
      ...clusterRoutes(parts, now),
      ...tenantRoutes(parts, { defaultPlan: options.defaultPlan ?? "baseline", directory, now }),
    ],
    errorResponse: (problem, c) => problemResponse(problem, c.var.requestId),
    challenge: () => 'Bearer realm="waybill"',
    notFoundPrefix: "/api/v1/",
  };

  return {
    groups: [group],
    health: [{ name: "kubenova-database", check: () => database.check() }],
    tenantOf: { known: (name) => directory.known(name) },
    authenticator,
    ensureCluster,
    close: async () => {
      clearInterval(sweeping);
      await stopFollowing();
      events.close();
    },
  };
}
