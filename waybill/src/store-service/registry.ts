import { StoreError, type Store, type StoreLimits } from "@waybill/artifact-store";
import { registryGroups } from "@waybill/artifact-store/http";
import type { Authenticator, TokenAuthority } from "@waybill/foundation/auth";
import { UserError } from "@waybill/foundation/errors";
import type { RouteGroup } from "@waybill/foundation/http";
import type { Logger } from "@waybill/foundation/telemetry";
import type { CollectionSettings, RegistrySettings } from "../settings/index.ts";

/**
 * The registry's routes as the settings want them; with an authority, also its token endpoint.
 * @throws UserError when the list of public repositories holds something that no repository can be called.
 */
export function registryOf(
  store: Store,
  init: {
    readonly settings: RegistrySettings;
    readonly authority: TokenAuthority | undefined;
    readonly authenticator: Authenticator;
    readonly log: Logger;
  },
): RouteGroup[] {
  const { authority, authenticator, log } = init;
  const { publicUrl, notice, anonymousPull } = init.settings;
  try {
    return registryGroups(store, {
      log,
      anonymousPull,
      ...(authority === undefined ? {} : { tokens: { authority, authenticator } }),
      ...(publicUrl === undefined ? {} : { publicUrl }),
      ...(notice === undefined ? {} : { notice }),
    });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new UserError(
      `ARTIFACT_STORE_ANONYMOUS_PULL: ${error.message}`,
      "Write names of repositories, or a path and /* for all under it: acme/app,library/*",
    );
  }
}

/** The store's limits as the settings want them. */
export function storeLimitsOf(settings: RegistrySettings & CollectionSettings): Partial<StoreLimits> {
  const { collectEvery, packageLifetime, uploadLifetime } = settings;
  return { collectEveryMs: collectEvery, packageLifetimeMs: packageLifetime, uploadLifetimeMs: uploadLifetime };
}
