/**
 * The whole of Waybill in one process, and the parts of it that run alone: opens the data folder, hands each system what
 * it wants to know of the others, listens, and takes everything down in the right order.
 */
export { blobSettings, placesOf } from "./blob-settings.ts";
export { openDataFolder, ownSecret, type DataFolder } from "./data-folder.ts";
export { exposureNote, type Exposure } from "./exposure.ts";
export type { RunningService } from "./service.ts";
export { authenticatorOf, tokenAuthorityOf } from "./entrance.ts";
export { pageFolder } from "./page.ts";
export {
  dataSettings,
  entranceSettings,
  listenSettings,
  logSettings,
  upSettings,
  type UpSettings,
} from "./settings.ts";
export { managerServiceSettings, pullServiceSettings, storeServiceSettings } from "./service-settings.ts";
export { startManagerService } from "./manager-service.ts";
export { startPullService } from "./pull-service.ts";
export { openStoreOf } from "./store-folder.ts";
export { startStoreService } from "./store-service.ts";
export { startWaybill, type AgentState, type RunningWaybill, type WaybillInit } from "./waybill.ts";
export { startRecorder } from "./recorder.ts";
