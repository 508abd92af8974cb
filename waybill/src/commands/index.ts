/**
 * The command line: a tree of words, and one file for what each command does. A body reads its settings, calls the room
 * that does the work, and prints; it decides nothing else.
 */
export { helpWords } from "./help-words.ts";
export { createProgram } from "./program.ts";
