import { describeCommits } from "./commits.suite.ts";

describeCommits("postgres");
