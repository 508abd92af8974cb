/**
 * Moving things between a store and this machine: what is missing and nothing else, verified on both ends, and going on
 * where it stopped, however it stopped.
 */
export { verifyStore, type Finding } from "./verify.ts";
export { filesUnder } from "./local-file.ts";
export { putFiles } from "./put.ts";
export { getFile, getFiles, type GetOptions } from "./get.ts";
export { exportLayout } from "./export.ts";
export { importLayout } from "./import.ts";
