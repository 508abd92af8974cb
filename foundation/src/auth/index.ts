/**
 * Who calls, and what may they do. A route says which roles may enter (`Access`), a caller is a `Principal`, and a
 * principal that is bound to a tenant never sees another's. Pure rules and signed tokens; no HTTP here.
 */
export { access, permits, type Access } from "./access.ts";
export {
  mayReadTenant,
  mayWriteTenant,
  openPrincipal,
  roles,
  seesAllTenants,
  tenantRoles,
  type Principal,
  type Role,
} from "./principal.ts";
export { openAuthenticator, type Authenticator, type Credentials } from "./authenticator.ts";
export { constantTimeEqual } from "./constant-time.ts";
export { createTokenAuthority, type IssuedToken, type TokenAuthority, type TokenClaims } from "./token.ts";
