/** The store as a service, and what of it `waybill up` has as well. */
export { registryOf } from "./registry.ts";
export { openServedStore } from "./served-store.ts";
export { startStoreService } from "./store-service.ts";
