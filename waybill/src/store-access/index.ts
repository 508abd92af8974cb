/**
 * One way to a store, wherever it is: `StoreAccess` over a folder that this process opens (`store-folder`), or over a
 * server (here). Commands know nothing of the difference.
 */
export type {
  CollectionReport,
  DeadLetterListing,
  NewWebhookAsked,
  PackageListing,
  Page,
  PageAsked,
  ReasonGiven,
  Reference,
  SimulationReport,
  StoreAccess,
  WebhookAccess,
  WebhookListing,
} from "./contract.ts";
export { remoteAccess } from "./remote.ts";
export { ConnectionError } from "./http-client.ts";
