/**
 * Shell completion: a script for each shell, made from the commands themselves. It holds every word, so that pressing Tab
 * starts no program.
 */
export { describeCommands } from "./words.ts";
export { completionScript, shells, type Shell } from "./scripts.ts";
