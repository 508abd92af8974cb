import { describePackages } from "./packages.suite.ts";

describePackages("postgres");
