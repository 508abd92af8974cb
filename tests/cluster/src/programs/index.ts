/** The programs that a cluster is made of: built with Go once and kept, or taken ready from a folder. */
export { findPrograms } from "./cache.ts";
export { type ProgramName } from "./modules.ts";
