import { openAuthenticator } from "@waybill/foundation/auth";
import { createApp, startServer } from "@waybill/foundation/http";
import { createLogger } from "@waybill/foundation/telemetry";
import { registryGroups } from "../http/index.ts";
import { openStore, type StoreLimits, type StoreOptions } from "../store/index.ts";

/**
 * A whole registry: `node store-server.process.ts ROOT [LIMITS [OPTIONS]]`, both JSON. Prints its address and serves until
 * killed; with `blobsFrom` it moves meanwhile, and prints `moved` when that is done, now or before.
 */
const [root = "", limits = "{}", options = "{}"] = process.argv.slice(2);
const log = createLogger({ level: "error", name: "store" });
const given = JSON.parse(options) as Partial<StoreOptions>;
const store = await openStore({ root, limits: JSON.parse(limits) as Partial<StoreLimits>, ...given });
const app = createApp({ groups: registryGroups(store, { log }), authenticator: openAuthenticator(), log });
const server = await startServer({ app, address: { host: "127.0.0.1", port: 0 }, log });
process.stdout.write(`${server.url}\n`);
if (given.blobsFrom !== undefined) {
  await store.relocation?.run();
  process.stdout.write("moved\n");
}
