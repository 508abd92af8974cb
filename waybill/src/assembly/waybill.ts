import { hostname } from "node:os";
import { storeMigrations } from "@waybill/artifact-store";
import { openDatabase } from "@waybill/foundation/database";
import { eventLogMigrations } from "@waybill/foundation/eventlog";
import type { HealthCheck, HttpRoute, RouteGroup } from "@waybill/foundation/http";
import { createRegistry, type Logger } from "@waybill/foundation/telemetry";
import { createManager, managerMigrations } from "@waybill/kubenova/manager";
import { permittedSocket, startAgent, type Agent } from "@waybill/pulltrace/agent";
import { createPullServer } from "@waybill/pulltrace/server";
import { openDataFolder, ownSecret } from "../data-folder/index.ts";
import { socketTrouble } from "../doctor/index.ts";
import { podSourceOf } from "../pull-service/index.ts";
import { exposureOf, pageGroup, startService, tokenAuthorityOf, type Exposure } from "../service/index.ts";
import type { UpSettings } from "../settings/index.ts";
import { openServedStore, registryOf } from "../store-service/index.ts";

export interface WaybillInit {
  readonly settings: UpSettings;
  readonly version: string;
  /** One for each part that speaks. */
  readonly logger: (name: string) => Logger;
}

/** Whether this machine's containerd is watched, and if not, why. */
export type AgentState =
  | { readonly kind: "watching"; readonly socket: string; readonly nodeName: string }
  | { readonly kind: "off"; readonly reason: string };

export interface RunningWaybill {
  readonly url: string;
  readonly metricsUrl: string;
  /** Absolute path. */
  readonly dataFolder: string;
  readonly exposure: Exposure;
  readonly agent: AgentState;
  /** What agents must send; undefined when they need nothing. */
  readonly agentToken: string | undefined;
  readonly page: boolean;
  /** Every route that is served, with who may enter: the role table of the whole. */
  readonly routes: readonly Pick<HttpRoute, "method" | "path" | "access">[];
  /** Lets running requests finish, then closes everything. */
  close(): Promise<void>;
}

async function agentStateOf(settings: UpSettings): Promise<AgentState> {
  if (settings.noAgent) return { kind: "off", reason: "switched off by --no-agent" };
  const socket = permittedSocket(settings.containerdSocket, settings.allowedSockets);
  const trouble = await socketTrouble(socket);
  return trouble === undefined
    ? { kind: "watching", socket, nodeName: settings.nodeName ?? hostname() }
    : { kind: "off", reason: `${trouble.detail}. ${trouble.advice}` };
}

/** A containerd that went away is worth a word, but registry and page work without it. */
function agentHealth(agent: () => Agent | undefined): HealthCheck {
  return {
    name: "pulltrace-agent",
    check: async (signal) => {
      try {
        return await agent()?.health.check(signal);
      } catch (error) {
        return { warning: error instanceof Error ? error.message : String(error) };
      }
    },
  };
}

/**
 * Store, manager, pull server and page in one process on one port, and the agent when this machine has a containerd.
 * What was opened before something fails is closed again; `close` goes the same way back: the agent stops reporting,
 * requests drain and streams end, then the systems, the database and the data folder.
 *
 * @throws UserError before anything listens when the address is open to the network without authentication.
 * @throws BusyError when the data folder or an address is in use.
 */
export async function startWaybill(init: WaybillInit): Promise<RunningWaybill> {
  const { settings, logger, version } = init;
  const log = logger("waybill");
  const authenticated = settings.requireAuth || settings.signingKey !== undefined;
  const exposure = exposureOf({ http: settings.http, authenticated, allowOpen: settings.allowOpen });

  const agent = await agentStateOf(settings);

  await using stack = new AsyncDisposableStack();
  const folder = await openDataFolder(settings.data);
  stack.defer(() => folder.close());

  const database = await openDatabase({
    url: settings.databaseUrl ?? folder.databasePath,
    migrations: [eventLogMigrations, storeMigrations, managerMigrations],
  });
  stack.defer(() => database.close());

  const registry = createRegistry({ processMetrics: true });
  const store = await openServedStore(stack, settings, { root: folder.storePath, database, registry, log });

  const authority = await tokenAuthorityOf({ ...settings, dataFolder: folder.path });
  const manager = await createManager({
    database,
    ...(authority === undefined ? {} : { authority }),
    log: logger("kubenova"),
    version: settings.version ?? version,
    environment: settings.environment,
    defaultPlan: settings.defaultTenantPlan,
  });
  stack.defer(() => manager.close());
  await manager.ensureCluster("local");

  // With authentication on, reports need a secret as well: else anybody could invent pulls.
  const agentToken = settings.agentToken ?? (authenticated ? await ownSecret(folder.path, "agent.token") : undefined);
  const pullLog = logger("pulltrace-server");
  const pods = await podSourceOf(settings, pullLog);
  if (pods !== undefined) stack.defer(() => pods.close());
  const pulls = createPullServer({
    historyTtlMs: settings.historyTtlMs,
    ...(agentToken === undefined ? {} : { agentToken }),
    ...(pods === undefined ? {} : { pods }),
    tenants: manager.tenantOf,
    log: pullLog,
    registry,
  });
  stack.defer(() => pulls.close());

  let watcher: Agent | undefined;
  const page = await pageGroup();
  const groups: readonly RouteGroup[] = [
    ...registryOf(store, { settings, authority, authenticator: manager.authenticator, log: logger("store") }),
    ...manager.groups,
    pulls.group,
    ...(page === undefined ? [] : [page]),
  ];
  const service = await startService({
    groups,
    checks: [
      { name: "store", check: () => store.check() },
      ...manager.health,
      pulls.health,
      ...(pods === undefined ? [] : [pods.health]),
      ...(agent.kind === "watching" ? [agentHealth(() => watcher)] : []),
    ],
    authenticator: manager.authenticator,
    exposure,
    http: settings.http,
    metrics: settings.metrics,
    registry,
    log,
  });
  stack.defer(() => service.close());

  if (agent.kind === "watching") {
    const running = await startAgent({
      allowedSockets: settings.allowedSockets,
      agentVersion: version,
      nodeName: agent.nodeName,
      serverUrl: service.url,
      containerdSocket: agent.socket,
      reportIntervalMs: settings.reportInterval,
      ...(agentToken === undefined ? {} : { agentToken }),
      log: logger("pulltrace-agent"),
    });
    stack.defer(() => running.close());
    watcher = running;
  }

  const everything = stack.move();
  return {
    url: service.url,
    metricsUrl: service.metricsUrl,
    dataFolder: folder.path,
    exposure,
    agent,
    agentToken,
    page: page !== undefined,
    routes: groups.flatMap((group) => group.routes),
    close: () => everything.disposeAsync(),
  };
}
