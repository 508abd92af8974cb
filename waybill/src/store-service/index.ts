/** The store as a service, and what of it `waybill up` has as well. */
export { countBlobRequests } from "./blob-metrics.ts";
export { moveInBackground } from "./blob-move.ts";
export { registryOf, storeLimitsOf } from "./registry.ts";
export { startStoreService } from "./store-service.ts";
