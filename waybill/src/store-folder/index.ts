/** The store of a data folder, opened by a command while no server holds it: `StoreAccess` without a server. */
export { localAccess } from "./local-access.ts";
export { openStoreOf } from "./store-folder.ts";
