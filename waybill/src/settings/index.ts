/**
 * What each program can be told, as flags and variables: definitions alone, so that a command line and its help cost
 * nothing of the programs that are told so.
 */
export { blobSettings, placesOf } from "./blob-settings.ts";
export { demoSettings } from "./demo-settings.ts";
export { managerServiceSettings, pullServiceSettings, storeServiceSettings } from "./service-settings.ts";
export {
  dataSettings,
  listenSettings,
  upSettings,
  type CollectionSettings,
  type RegistrySettings,
  type UpSettings,
} from "./settings.ts";
