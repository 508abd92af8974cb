import { directorySuite } from "./directory.suite.ts";
import { resourceSuite } from "./resources.suite.ts";

resourceSuite("sqlite");
directorySuite("sqlite");
