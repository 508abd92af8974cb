import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { readSettings, setting } from "@waybill/foundation/config";
import { UserError } from "@waybill/foundation/errors";
import type { Command } from "commander";
import { UsageError } from "../errors/index.ts";
import { blobSettings, placesOf, storeServiceSettings, upSettings } from "../settings/index.ts";
import type { StoreAccess } from "../store-access/index.ts";
import { addSettings, settingsOf } from "./settings-options.ts";

/** Where the store is, and who asks: the same for every command that works on one. */
const placeSettings = {
  server: setting.url({
    env: "WAYBILL_SERVER",
    flag: "server",
    describe: "address of the server that has the store",
    optional: true,
  }),
  root: setting.path({
    env: "ARTIFACT_STORE_ROOT",
    flag: "root",
    describe: `folder of a store that no server holds; ${storeServiceSettings.root.defaultText} when no server is named either`,
    optional: true,
  }),
  databaseUrl: {
    ...upSettings.databaseUrl,
    describe: "where the catalog of that folder is, when not in it: postgres://…, or the path of a SQLite file",
  },
  ...blobSettings,
  secretKeys: storeServiceSettings.secretKeys,
  tokenFile: setting.path({
    env: "WAYBILL_TOKEN_FILE",
    flag: "token-file",
    describe: "file with a token for the server; or set WAYBILL_TOKEN",
    optional: true,
  }),
  authfile: setting.path({
    env: "REGISTRY_AUTH_FILE",
    flag: "authfile",
    describe: "log-ins as docker, podman and skopeo keep them; asked when there is no token",
    optional: true,
  }),
} as const;

const tokenSetting = {
  token: setting.secret({ env: "WAYBILL_TOKEN", describe: "token for the server", optional: true, ownFile: true }),
} as const;

export function addPlace(command: Command): Command {
  return addSettings(command, placeSettings);
}

/**
 * Opens the store that a command line names: `--server` or `--root`, else WAYBILL_SERVER, else a folder.
 * @param make a store where a folder has none
 */
async function openPlace(options: Readonly<Record<string, unknown>>, make = false): Promise<StoreAccess> {
  const settings = settingsOf(placeSettings, options);
  if (options["server"] !== undefined && options["root"] !== undefined) {
    throw new UsageError("--server and --root name two stores", "Leave one of them out.");
  }
  if (settings.server !== undefined && options["root"] === undefined) {
    const server = new URL(settings.server);
    if (server.username !== "" || server.password !== "") {
      throw new UsageError(
        "a server's address has no user and password in it",
        "Set WAYBILL_TOKEN, or use --token-file or --authfile.",
      );
    }
    const { remoteAccess } = await import("../store-access/index.ts");
    return remoteAccess(server, await authorizationOf(server, settings));
  }
  const root = settings.root ?? storeServiceSettings.root.defaultText ?? "";
  const { localAccess, openStoreOf } = await import("../store-folder/index.ts");
  const { databaseUrl, secretKeys } = settings;
  const places = { ...placesOf(settings), ...(secretKeys === undefined ? {} : { secretKeys }) };
  return localAccess(await openStoreOf(root, databaseUrl, make, places), root);
}

/** Opens the store, works on it, and closes it again, however the work ends. */
export async function withPlace<T>(
  options: Readonly<Record<string, unknown>>,
  work: (access: StoreAccess) => Promise<T>,
  make = false,
): Promise<T> {
  const access = await openPlace(options, make);
  try {
    return await work(access);
  } finally {
    await access.close();
  }
}

async function authorizationOf(
  server: URL,
  settings: { readonly tokenFile: string | undefined; readonly authfile: string | undefined },
): Promise<string | undefined> {
  const { token } = readSettings(tokenSetting, { env: process.env });
  if (settings.tokenFile !== undefined) {
    const text = await readFile(settings.tokenFile, "utf8").catch((error: unknown) => {
      throw new UserError(`the token cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    });
    return bearer(text, settings.tokenFile);
  }
  if (token !== undefined) return bearer(token, "WAYBILL_TOKEN");
  return await loginOf(server, settings.authfile);
}

function bearer(text: string, where: string): string {
  const token = text.trim();
  if (!/^[\x21-\x7E]+$/.test(token)) throw new UserError(`${where} holds no token: a token is one word`);
  return `Bearer ${token}`;
}

/** What `docker login`, `podman login` or `skopeo login` kept for this server, as Basic credentials. */
async function loginOf(server: URL, authfile: string | undefined): Promise<string | undefined> {
  const { DOCKER_CONFIG, XDG_RUNTIME_DIR } = process.env;
  const places = [
    ...(authfile === undefined ? [] : [authfile]),
    ...(authfile === undefined && XDG_RUNTIME_DIR !== undefined ? [join(XDG_RUNTIME_DIR, "containers/auth.json")] : []),
    ...(authfile === undefined ? [join(DOCKER_CONFIG ?? join(homedir(), ".docker"), "config.json")] : []),
  ];
  for (const place of places) {
    const text = await readFile(place, "utf8").catch((error: unknown) => {
      if (authfile === undefined) return undefined;
      throw new UserError(`the log-ins cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    });
    const auth = text === undefined ? undefined : authIn(text, server.host, place);
    if (auth !== undefined) return `Basic ${auth}`;
  }
  return undefined;
}

function authIn(text: string, host: string, place: string): string | undefined {
  try {
    const { auths } = JSON.parse(text) as { readonly auths?: Readonly<Record<string, { readonly auth?: unknown }>> };
    const auth = auths?.[host]?.auth;
    return typeof auth === "string" && /^[A-Za-z0-9+/=]+$/.test(auth) ? auth : undefined;
  } catch {
    throw new UserError(`${place} is not JSON`);
  }
}
