/**
 * The command line in a few files instead of a thousand, as `make setup` builds it. It stands beside the sources and never
 * takes their place: where one of them has changed since, the sources run.
 */
export { freshProgram, programFolder, programRecord, stampOf, type BuiltProgram } from "./built-program.ts";
