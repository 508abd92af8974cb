/** The folder in which one installation keeps everything, and the lock that keeps two processes out of it. */
export { openDataFolder, ownSecret } from "./data-folder.ts";
