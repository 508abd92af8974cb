import { describeDamage } from "./damage.suite.ts";

describeDamage("sqlite");
