import { directorySuite } from "./directory.suite.ts";
import { hostileSuite } from "./hostile.suite.ts";
import { idempotencySuite } from "./idempotency.suite.ts";
import { identitySuite } from "./identity.suite.ts";
import { resourceSuite } from "./resources.suite.ts";
import { routeSuite } from "./routes.suite.ts";

resourceSuite("postgres");
directorySuite("postgres");
identitySuite("postgres");
idempotencySuite("postgres");
routeSuite("postgres");
hostileSuite("postgres", 150);
