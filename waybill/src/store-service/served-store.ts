import { openStore, type Store, type StoreOptions } from "@waybill/artifact-store";
import type { Logger, Registry } from "@waybill/foundation/telemetry";
import { placesOf, type CollectionSettings, type RegistrySettings } from "../settings/index.ts";
import { countBlobRequests, reportBlobDamage, reportBlobHealed } from "./blob-metrics.ts";
import { moveInBackground } from "./blob-move.ts";
import { storeLimitsOf } from "./registry.ts";

/**
 * The store as the settings want it, with what works behind its requests: webhooks, and a move of its bytes.
 * @param stack closes it, and first what works on it
 */
export async function openServedStore(
  stack: AsyncDisposableStack,
  settings: RegistrySettings & CollectionSettings & Parameters<typeof placesOf>[0],
  init: Pick<StoreOptions, "root" | "database"> & { readonly registry: Registry; readonly log: Logger },
): Promise<Store> {
  const { registry, log, ...home } = init;
  const store = await openStore({
    ...home,
    ...placesOf(settings),
    ...(settings.secretKeys === undefined ? {} : { secretKeys: settings.secretKeys }),
    onBlobRequest: countBlobRequests(registry),
    verifyReads: settings.verifyReads,
    onBlobDamage: reportBlobDamage(registry, log),
    onBlobHealed: reportBlobHealed(registry, log),
    limits: storeLimitsOf(settings),
  });
  stack.defer(() => store.close());
  const move = moveInBackground(store, log);
  stack.defer(() => move.close());
  await store.webhooks.start({ allowPrivateNetworks: settings.webhookPrivateNetworks });
  return store;
}
