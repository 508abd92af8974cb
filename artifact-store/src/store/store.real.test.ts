import { describeStore } from "./store.suite.ts";

describeStore("postgres");
