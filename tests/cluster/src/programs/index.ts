/** The programs that a cluster is made of: built with Go once and kept, or taken ready from a folder. */
export { findContainerd2, findPrograms } from "./cache.ts";
export { type ProgramName } from "./modules.ts";
