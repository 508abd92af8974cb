import type { SettingsOf } from "@waybill/foundation/config";
import { createRegistry, type Logger } from "@waybill/foundation/telemetry";
import { openDataFolder } from "../data-folder/index.ts";
import { authenticatorOf, exposureOf, startService, tokenAuthorityOf, type RunningService } from "../service/index.ts";
import type { storeServiceSettings } from "../settings/index.ts";
import { registryOf } from "./registry.ts";
import { openServedStore } from "./served-store.ts";

/** The store alone: `/v2/`, its events and health. */
export async function startStoreService(
  settings: SettingsOf<typeof storeServiceSettings>,
  log: Logger,
): Promise<RunningService> {
  const authenticated = settings.requireAuth || settings.signingKey !== undefined;
  const exposure = exposureOf({ http: settings.http, authenticated, allowOpen: settings.allowOpen });
  await using stack = new AsyncDisposableStack();
  const folder = await openDataFolder(settings.root);
  stack.defer(() => folder.close());
  const registry = createRegistry({ processMetrics: true });
  const store = await openServedStore(stack, settings, { root: folder.storePath, registry, log });
  const authority = await tokenAuthorityOf({ ...settings, dataFolder: folder.path });
  const authenticator = authenticatorOf(authority);
  const service = await startService({
    groups: registryOf(store, { settings, authority, authenticator, log }),
    checks: [{ name: "store", check: () => store.check() }],
    authenticator,
    exposure,
    http: settings.http,
    metrics: settings.metrics,
    registry,
    log,
  });
  stack.defer(() => service.close());
  const everything = stack.move();
  return { ...service, close: () => everything.disposeAsync() };
}
