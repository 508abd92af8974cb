import { describeCollection } from "./collection.suite.ts";

describeCollection("postgres");
