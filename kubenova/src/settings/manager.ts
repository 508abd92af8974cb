import { setting, type SettingsDefinition } from "@waybill/foundation/config";
import type { PlanName } from "../contract/index.ts";

/** What the manager is told from outside. The assembly reads it once and hands the values on. */
export const managerSettings = {
  databaseUrl: setting.secret({
    env: "DATABASE_URL",
    flag: "database-url",
    describe:
      "where the manager keeps its data: postgres://…, or the path of a SQLite file; a file in the data folder when absent",
    optional: true,
    harmless: (address) => !/^[^:/]+:\/\/[^/]*:[^/]*@|[?&]password=/i.test(address),
  }),
  requireAuth: setting.boolean({
    env: "KUBENOVA_REQUIRE_AUTH",
    describe: "refuse callers without a token; needs JWT_SIGNING_KEY",
    default: "false",
  }),
  signingKey: setting.secret({
    env: "JWT_SIGNING_KEY",
    flag: "jwt-signing-key",
    describe: "key that signs tokens, at least 32 characters, the same for all processes; turns authentication on",
    minLength: 32,
    optional: true,
  }),
  environment: setting.string({
    env: "KUBENOVA_ENV",
    describe: "what this installation is for; shown by /version",
    default: "development",
    maxLength: 63,
    pattern: /^[A-Za-z0-9._-]+$/,
    allowed: "letters, digits, '.', '_' and '-'",
  }),
  version: setting.string({
    env: "KUBENOVA_VERSION",
    flag: "reported-version",
    describe: "release that /version names instead of the built-in one",
    optional: true,
    maxLength: 63,
    pattern: /^[A-Za-z0-9.+_-]+$/,
    allowed: "letters, digits, '.', '+', '_' and '-'",
  }),
  defaultTenantPlan: setting.choice({
    env: "KUBENOVA_DEFAULT_TENANT_PLAN",
    describe: "plan of a tenant that is created without one",
    choices: ["baseline", "gold"] as const satisfies readonly PlanName[],
    default: "baseline",
  }),
} as const satisfies SettingsDefinition;
