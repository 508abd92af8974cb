import { openStore } from "@waybill/artifact-store";
import type { SettingsOf } from "@waybill/foundation/config";
import { createRegistry, type Logger } from "@waybill/foundation/telemetry";
import { openDataFolder } from "../data-folder/index.ts";
import { authenticatorOf, exposureOf, startService, tokenAuthorityOf, type RunningService } from "../service/index.ts";
import { placesOf, type storeServiceSettings } from "../settings/index.ts";
import { countBlobRequests } from "./blob-metrics.ts";
import { moveInBackground } from "./blob-move.ts";
import { registryOf, storeLimitsOf } from "./registry.ts";

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
  const store = await openStore({
    root: folder.storePath,
    ...placesOf(settings),
    ...(settings.secretKeys === undefined ? {} : { secretKeys: settings.secretKeys }),
    onBlobRequest: countBlobRequests(registry),
    limits: storeLimitsOf(settings),
  });
  stack.defer(() => store.close());
  const move = moveInBackground(store, log);
  stack.defer(() => move.close());
  await store.webhooks.start({ allowPrivateNetworks: settings.webhookPrivateNetworks });
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
