/** Several things at once, and no more than that. */
export { inParallel } from "./in-parallel.ts";
