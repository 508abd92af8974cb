import { databaseKinds } from "@waybill/foundation/testing";
import { crashSuite } from "./crash.suite.ts";

for (const kind of databaseKinds) crashSuite(kind, 10);
