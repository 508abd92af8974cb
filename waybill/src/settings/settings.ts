import { logLevels, setting, type SettingsDefinition, type SettingsOf } from "@waybill/foundation/config";
import { managerSettings } from "@waybill/kubenova/settings";
import { agentSettings, serverSettings } from "@waybill/pulltrace/settings";
import { logFormats } from "../terminal/index.ts";
import { blobSettings } from "./blob-settings.ts";

/** How a program tells what it does. */
export const logSettings = {
  logLevel: setting.choice({
    env: "WAYBILL_LOG_LEVEL",
    describe: "least important log lines to print",
    choices: logLevels,
    default: "info",
  }),
  logFormat: setting.choice({
    env: "WAYBILL_LOG_FORMAT",
    describe: "how log lines look; auto is text on a terminal and json elsewhere",
    choices: logFormats,
    default: "auto",
  }),
} as const satisfies SettingsDefinition;

/** Who may come in: the same words for everything that listens. */
export const entranceSettings = {
  requireAuth: managerSettings.requireAuth,
  signingKey: managerSettings.signingKey,
  allowOpen: setting.boolean({
    env: "WAYBILL_ALLOW_OPEN",
    describe: "let the network in without authentication; everybody who can connect is admin",
    default: "false",
  }),
} as const satisfies SettingsDefinition;

/** How the registry meets its clients. */
export const registrySettings = {
  publicUrl: setting.url({
    env: "WAYBILL_PUBLIC_URL",
    flag: "public-url",
    describe:
      "where clients reach this server, when it is not the Host that they send: registry log-ins are sent there",
    optional: true,
  }),
  anonymousPull: setting.list({
    env: "ARTIFACT_STORE_ANONYMOUS_PULL",
    flag: "anonymous-pull",
    describe: "repositories that anybody may pull without a token: names, or all under a path (library/*)",
    default: "",
  }),
  notice: setting.string({
    env: "ARTIFACT_STORE_NOTICE",
    flag: "notice",
    describe: "a sentence that registry clients show to their users (Warning header)",
    optional: true,
    maxLength: 1000,
    pattern: /^[ -~]+$/,
    allowed: "one line of ASCII",
  }),
  verifyReads: setting.boolean({
    env: "ARTIFACT_STORE_VERIFY_READS",
    flag: "verify-reads",
    describe: "hash large blobs, too, while they are pulled, and break off when the bytes are not right",
    default: "false",
  }),
  webhookPrivateNetworks: setting.boolean({
    env: "ARTIFACT_STORE_WEBHOOK_PRIVATE_NETWORKS",
    flag: "webhook-private-networks",
    describe: "let webhooks go to addresses of private networks, and by plain http",
    default: "false",
  }),
  secretKeys: setting.path({
    env: "ARTIFACT_STORE_SECRET_KEYS",
    flag: "secret-keys",
    describe:
      "file of the keys that seal the secrets of webhooks in the catalog; secrets.key in the data folder when absent",
    optional: true,
  }),
  packageLifetime: setting.duration({
    env: "ARTIFACT_STORE_PACKAGE_LIFETIME",
    flag: "package-lifetime",
    describe: "how long an open package that nobody adds to is kept",
    default: "24h",
  }),
  uploadLifetime: setting.duration({
    env: "ARTIFACT_STORE_UPLOAD_LIFETIME",
    flag: "upload-lifetime",
    describe: "how long an upload that nobody continues is kept",
    default: "24h",
    min: "1s",
  }),
} as const satisfies SettingsDefinition;

export const dataSettings = {
  data: setting.path({
    env: "WAYBILL_DATA",
    describe: "folder for everything that is kept; made when absent",
    default: "waybill-data",
  }),
} as const satisfies SettingsDefinition;

/** Where `waybill up`, and what it is compared with by `waybill doctor`, listens. */
export const listenSettings = {
  http: setting.address({
    env: "WAYBILL_HTTP_ADDR",
    flag: "http",
    describe: "address of registry, API and page; port 0 lets the system choose",
    default: "127.0.0.1:8080",
  }),
  metrics: setting.address({
    env: "WAYBILL_METRICS_ADDR",
    flag: "metrics",
    describe: "address of the Prometheus metrics",
    default: "127.0.0.1:9090",
  }),
} as const satisfies SettingsDefinition;

export const collectionSettings = {
  collectEvery: setting.duration({
    env: "ARTIFACT_STORE_GC_INTERVAL",
    flag: "gc-interval",
    describe: "time between two collections of what nobody needs; 0s: only when asked for",
    default: "1m",
    max: "24h",
  }),
} as const satisfies SettingsDefinition;

/** Everything that `waybill up` can be told. */
export const upSettings = {
  ...dataSettings,
  ...listenSettings,
  noAgent: setting.boolean({
    env: "WAYBILL_NO_AGENT",
    flag: "no-agent",
    describe: "do not watch this machine's containerd",
    default: "false",
  }),
  ...entranceSettings,
  ...blobSettings,
  ...collectionSettings,
  ...registrySettings,
  databaseUrl: managerSettings.databaseUrl,
  environment: managerSettings.environment,
  version: managerSettings.version,
  defaultTenantPlan: managerSettings.defaultTenantPlan,
  historyTtlMs: serverSettings.historyTtlMs,
  agentToken: serverSettings.agentToken,
  kubernetes: serverSettings.kubernetes,
  kubernetesHost: serverSettings.kubernetesHost,
  kubernetesPort: serverSettings.kubernetesPort,
  watchNamespaces: serverSettings.watchNamespaces,
  nodeName: setting.string({
    env: "PULLTRACE_NODE_NAME",
    describe: "name of this node in the list of pulls; the host's name when absent",
    optional: true,
    maxLength: 253,
  }),
  containerdSocket: agentSettings.containerdSocket,
  allowedSockets: agentSettings.allowedSockets,
  reportInterval: agentSettings.reportInterval,
  ...logSettings,
} as const satisfies SettingsDefinition;

export type UpSettings = SettingsOf<typeof upSettings>;
export type RegistrySettings = SettingsOf<typeof registrySettings>;
export type CollectionSettings = SettingsOf<typeof collectionSettings>;
