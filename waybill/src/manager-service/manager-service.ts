import type { SettingsOf } from "@waybill/foundation/config";
import { openDatabase } from "@waybill/foundation/database";
import { eventLogMigrations } from "@waybill/foundation/eventlog";
import { createRegistry, type Logger } from "@waybill/foundation/telemetry";
import { createManager, managerMigrations } from "@waybill/kubenova/manager";
import { openDataFolder } from "../data-folder/index.ts";
import { exposureOf, startService, tokenAuthorityOf, type RunningService } from "../service/index.ts";
import type { managerServiceSettings } from "../settings/index.ts";

/**
 * The manager alone. With DATABASE_URL on PostgreSQL and a JWT_SIGNING_KEY it keeps nothing on this machine, and any
 * number of them can run side by side; else it has a data folder of its own.
 */
export async function startManagerService(
  settings: SettingsOf<typeof managerServiceSettings>,
  log: Logger,
  version: string,
): Promise<RunningService> {
  const authenticated = settings.requireAuth || settings.signingKey !== undefined;
  const exposure = exposureOf({ http: settings.http, authenticated, allowOpen: settings.allowOpen });
  await using stack = new AsyncDisposableStack();
  const needsFolder = settings.databaseUrl === undefined || (settings.requireAuth && settings.signingKey === undefined);
  const folder = needsFolder ? await openDataFolder(settings.data) : undefined;
  if (folder !== undefined) stack.defer(() => folder.close());
  const database = await openDatabase({
    url: settings.databaseUrl ?? folder?.databasePath ?? "",
    migrations: [eventLogMigrations, managerMigrations],
  });
  stack.defer(() => database.close());
  const authority = await tokenAuthorityOf({
    ...settings,
    ...(folder === undefined ? {} : { dataFolder: folder.path }),
  });
  const manager = await createManager({
    database,
    ...(authority === undefined ? {} : { authority }),
    log,
    version: settings.version ?? version,
    environment: settings.environment,
    defaultPlan: settings.defaultTenantPlan,
  });
  stack.defer(() => manager.close());
  const service = await startService({
    groups: manager.groups,
    checks: manager.health,
    authenticator: manager.authenticator,
    exposure,
    http: settings.http,
    metrics: settings.metrics,
    registry: createRegistry({ processMetrics: true }),
    log,
  });
  stack.defer(() => service.close());
  const everything = stack.move();
  return { ...service, close: () => everything.disposeAsync() };
}
