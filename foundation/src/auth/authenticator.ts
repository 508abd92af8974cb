import { openPrincipal, type Principal } from "./principal.ts";

/** What a request brought to prove who calls. */
export interface Credentials {
  /** `Authorization: Bearer …` */
  readonly bearer?: string;
  /** `Authorization: Basic …`: what docker, skopeo and containerd send after a log-in; the token is the password. */
  readonly basic?: { readonly user: string; readonly password: string };
  /** Session cookie of the page; only ever passed in for GET and HEAD, so that no other site can make it act. */
  readonly session?: string;
  /** Who asks: tokens that were issued for this audience alone count, too. The server sets it, never a request. */
  readonly audience?: string;
}

/** Undefined: the credentials are absent or prove nothing. */
export type Authenticator = (credentials: Credentials) => Promise<Principal | undefined>;

/** For a server without authentication: everybody is the anonymous admin. */
export function openAuthenticator(): Authenticator {
  return () => Promise.resolve(openPrincipal);
}
