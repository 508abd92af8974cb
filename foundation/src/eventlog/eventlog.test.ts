import { eventLogSuite } from "./eventlog.suite.ts";

eventLogSuite("sqlite");
