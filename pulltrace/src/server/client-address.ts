import { BlockList, isIP } from "node:net";
import type { Network } from "@waybill/foundation/config";

/** Of longer lists the nearest are read: each proxy adds one. */
const mostHops = 32;

/**
 * From whom a request comes: the address of its connection, unless that is a trusted proxy. Then it is the nearest
 * address of `X-Forwarded-For` that is none: a proxy adds the address that it sees at the end, and whatever stands before
 * the first untrusted one may be made up by a client. A part that is no address ends the search: then the proxy that
 * passed it on counts.
 * @returns the address of a client, or "" when the connection is gone
 */
export type ClientAddress = (peer: string | undefined, forwardedFor: string | undefined) => string;

export function clientAddresses(trustedProxies: readonly Network[]): ClientAddress {
  const trusted = new BlockList();
  for (const { address, prefix, family } of trustedProxies) trusted.addSubnet(address, prefix, family);
  const isTrusted = (address: string): boolean =>
    isIP(address) !== 0 && trusted.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
  return (peer, forwardedFor) => {
    let client = plain(peer ?? "");
    if (trustedProxies.length === 0 || forwardedFor === undefined || !isTrusted(client)) return client;
    for (const hop of forwardedFor.split(",").slice(-mostHops).toReversed()) {
      const address = addressOf(hop.trim());
      if (address === undefined) return client;
      client = address;
      if (!isTrusted(client)) return client;
    }
    return client;
  };
}

/** Some proxies add the port: `192.0.2.7:4711`, `[2001:db8::7]:4711`. */
function addressOf(hop: string): string | undefined {
  const [, bracketed, bare] = /^(?:\[([0-9A-Fa-f:.]+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?$/.exec(hop) ?? [];
  const address = plain(bracketed ?? bare ?? hop);
  return isIP(address) === 0 || address.includes("%") ? undefined : address;
}

/** One client, one name: a listener on IPv6 sees IPv4 as `::ffff:192.0.2.7`. */
function plain(address: string): string {
  const lower = address.toLowerCase();
  const [, four] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(lower) ?? [];
  return four ?? lower;
}
