import { UserError } from "@waybill/foundation/errors";
import { formatAddress, type Address } from "@waybill/foundation/config";
import { isLoopback } from "@waybill/foundation/http";

/** Who can reach this server and what they need to enter. */
export type Exposure =
  /** Callers need a token. */
  | "authenticated"
  /** No token, but only this machine can connect. */
  | "open on loopback"
  /** No token, and the network can connect: allowed by an explicit flag. */
  | "open to the network";

/**
 * The rule: without authentication a server listens on loopback only, unless somebody said explicitly that the network
 * may come in.
 * @throws UserError otherwise.
 */
export function exposureOf(options: {
  readonly http: Address;
  readonly authenticated: boolean;
  readonly allowOpen: boolean;
}): Exposure {
  if (options.authenticated) return "authenticated";
  if (isLoopback(options.http.host)) return "open on loopback";
  if (options.allowOpen) return "open to the network";
  throw new UserError(
    `${formatAddress(options.http)} can be reached from the network, and no authentication is configured`,
    "Set KUBENOVA_REQUIRE_AUTH=true (or JWT_SIGNING_KEY), or listen on 127.0.0.1, or pass --allow-open to let everybody in as admin.",
  );
}

const notes: Readonly<Record<Exposure, string>> = {
  authenticated: "callers need a token: waybill kubenova token create",
  "open on loopback": "open: no authentication is configured, and only this machine can connect",
  "open to the network": "open to the network without authentication",
};

/** Who can enter, as a sentence for the start of the log. */
export function exposureNote(exposure: Exposure): string {
  return notes[exposure];
}

/** What log and `/readyz` keep saying; undefined when there is nothing to warn of. */
export function exposureWarning(exposure: Exposure): string | undefined {
  return exposure === "open to the network"
    ? "open to the network without authentication: whoever can connect may do everything"
    : undefined;
}
