/**
 * Settings: a definition says name, kind, unit, default and meaning of each; from it come the typed object that the
 * program works with, the `--help` text and the table of the documentation. Read once, at the edge.
 */
export {
  formatAddress,
  parseAddress,
  parseBytes,
  parseDuration,
  parseNetworks,
  type Address,
  type Network,
} from "./values.ts";
export { setting, type Setting, type SettingsDefinition, type SettingsOf } from "./setting.ts";
export { readSettings, SettingsError, type SettingProblem, type SettingSources } from "./read.ts";
export { logLevels, type LogLevel } from "./log-level.ts";
export { fileOf, flagOf, settingsTable } from "./describe.ts";
