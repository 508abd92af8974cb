import { describe } from "vitest";
import { describeStatements } from "./statements.suite.ts";

describe("statements", () => {
  describeStatements("sqlite");
});
