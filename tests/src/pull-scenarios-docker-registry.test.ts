import { describePulls } from "./pull-scenarios.suite.ts";

describePulls("docker-registry");
