/**
 * What tests of every room use and nothing else does: folders that go away, databases of one's own (a real PostgreSQL in
 * the `real` project, started once by `postgres.setup.ts`), processes that can be killed, a logger that says nothing,
 * a fake of the Kubernetes API for speed.
 */
export { startProcess, type TestProcess } from "./child-process.ts";
export { freePort } from "./free-port.ts";
export { goProgram, goTool, type GoTool } from "./go-tool.ts";
export { silentLogger } from "./silent-logger.ts";
export { temporaryFolder, type TemporaryFolder } from "./temporary-folder.ts";
export { databaseKinds, type DatabaseKind, testDatabaseUrl, type TestDatabase } from "./test-database.ts";
export { startFakeApiServer, type FakeApiServer, type FakeApiTrouble } from "./fake-api-server.ts";
