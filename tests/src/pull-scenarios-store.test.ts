import { describePulls } from "./pull-scenarios.suite.ts";

describePulls("our store");
