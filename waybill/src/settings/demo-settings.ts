import { setting, type SettingsDefinition } from "@waybill/foundation/config";
import { dataSettings, entranceSettings, listenSettings } from "./settings.ts";

/** `waybill demo` */
export const demoSettings = {
  ...dataSettings,
  ...listenSettings,
  allowOpen: entranceSettings.allowOpen,
  rate: setting.bytes({
    env: "WAYBILL_DEMO_RATE",
    flag: "rate",
    describe: "bytes per second that containerd's link lets through",
    default: "1.5MiB",
    min: "16KiB",
  }),
  recording: setting.boolean({
    env: "WAYBILL_DEMO_RECORDING",
    flag: "recording",
    describe: "replay the recording even where a containerd could run",
    default: "false",
  }),
} as const satisfies SettingsDefinition;
