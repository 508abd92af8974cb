import { openStore } from "@waybill/artifact-store";
import { registryGroups } from "@waybill/artifact-store/http";
import { openAuthenticator } from "@waybill/foundation/auth";
import { createApp, startServer } from "@waybill/foundation/http";
import { silentLogger, temporaryFolder } from "@waybill/foundation/testing";
import { localAccess } from "../store-folder/index.ts";
import { remoteAccess } from "./index.ts";
import { describeStoreAccess } from "./store-access.suite.ts";

/** Leases so short that what expires is due. */
const limits = { collectEveryMs: 0, leaseMs: 1 };

describeStoreAccess("a folder", async () => {
  const folder = await temporaryFolder("waybill-access-");
  const store = await openStore({ root: folder.path, limits });
  const access = localAccess({ store, close: () => store.close() }, folder.path);
  return {
    access,
    async close() {
      await access.close();
      await folder[Symbol.asyncDispose]();
    },
  };
});

describeStoreAccess("a server", async () => {
  const folder = await temporaryFolder("waybill-access-");
  const store = await openStore({ root: folder.path, limits });
  const log = silentLogger();
  const app = createApp({ groups: registryGroups(store, { log }), authenticator: openAuthenticator(), log });
  const server = await startServer({ app, address: { host: "127.0.0.1", port: 0 }, log });
  const access = remoteAccess(new URL(server.url), undefined);
  return {
    access,
    async close() {
      await access.close();
      await server.close();
      await store.close();
      await folder[Symbol.asyncDispose]();
    },
  };
});
