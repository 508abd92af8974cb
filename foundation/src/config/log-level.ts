/** How much a program tells: lines of this level and above. A matter of settings, so it needs no logger. */
export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];
