import { databaseSuite } from "./database.suite.ts";
import { migrationSuite } from "./migration.suite.ts";

databaseSuite("sqlite");
migrationSuite("sqlite");
