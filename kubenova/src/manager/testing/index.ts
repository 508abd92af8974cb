/** A manager with a real server and a real database, for tests. */
export { startTestManager, type CallOptions, type Reply, type TestManager } from "./harness.ts";
