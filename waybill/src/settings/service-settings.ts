import { setting, type SettingsDefinition } from "@waybill/foundation/config";
import { managerSettings } from "@waybill/kubenova/settings";
import { agentIdentitySettings, serverSettings } from "@waybill/pulltrace/settings";
import { blobSettings } from "./blob-settings.ts";
import { collectionSettings, entranceSettings, logSettings, registrySettings } from "./settings.ts";

/** `waybill store serve` */
export const storeServiceSettings = {
  root: setting.path({
    env: "ARTIFACT_STORE_ROOT",
    flag: "root",
    describe: "folder of blobs and catalog; made when absent",
    default: "waybill-data",
  }),
  http: setting.address({
    env: "ARTIFACT_STORE_HTTP_ADDR",
    flag: "http",
    describe: "address of the registry",
    default: "127.0.0.1:8080",
  }),
  metrics: setting.address({
    env: "ARTIFACT_STORE_METRICS_ADDR",
    flag: "metrics",
    describe: "address of the Prometheus metrics",
    default: "127.0.0.1:9090",
  }),
  ...entranceSettings,
  ...blobSettings,
  ...collectionSettings,
  ...registrySettings,
  ...logSettings,
} as const satisfies SettingsDefinition;

/** `waybill kubenova manager` */
export const managerServiceSettings = {
  http: setting.address({
    env: "KUBENOVA_HTTP_ADDR",
    flag: "http",
    describe: "address of the API",
    default: "127.0.0.1:8080",
  }),
  metrics: setting.address({
    env: "KUBENOVA_METRICS_ADDR",
    flag: "metrics",
    describe: "address of the Prometheus metrics",
    default: "127.0.0.1:9090",
  }),
  data: setting.path({
    env: "WAYBILL_DATA",
    describe: "folder of the embedded database, when there is no DATABASE_URL, and of keys that it makes for itself",
    default: "waybill-data",
  }),
  ...managerSettings,
  allowOpen: entranceSettings.allowOpen,
  ...logSettings,
} as const satisfies SettingsDefinition;

/** `waybill pulltrace server`: the variables of the contract, and tokens as everywhere. */
export const pullServiceSettings = {
  ...serverSettings,
  ...agentIdentitySettings,
  requireAuth: entranceSettings.requireAuth,
  signingKey: entranceSettings.signingKey,
  logFormat: logSettings.logFormat,
} as const satisfies SettingsDefinition;
