/** Tokens, browser sessions, and who the caller is. */
export { withLivingTenant } from "./authenticator.ts";
export { identityRoutes } from "./routes.ts";
