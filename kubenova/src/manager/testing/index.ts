/** A manager with a real server and a real database, for tests. */
export { startTestManager, type Reply, type TestManager } from "./harness.ts";
