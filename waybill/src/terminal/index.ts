/**
 * What people see of a program in their terminal: sentences on standard output, errors with what to do about them, log
 * lines as text. Programs that read us get JSON instead (`--json`, and log lines whenever standard output is no terminal).
 */
export { logFormats, logTo, type LogFormat } from "./log-format.ts";
export { describeFailure, exitCodes } from "./failure.ts";
export { closeOnSignal, endingSignal, interruptible } from "./signals.ts";
export { humanBytes } from "./bytes.ts";
export { plain, tableOf } from "./table.ts";
export { progressOn, silentProgress, type Progress } from "./progress.ts";
