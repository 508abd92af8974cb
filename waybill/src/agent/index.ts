/** The agent as a program: its log, and its life until a signal ends it. */
export { runAgent } from "./run.ts";
