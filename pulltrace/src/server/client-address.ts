import { BlockList, isIP } from "node:net";
import type { Network } from "@waybill/foundation/config";

/** Of longer lists the nearest are read: each proxy adds one. */
const mostHops = 32;

/**
 * From whom a request comes: the address of its connection, unless that is a trusted proxy. Then it is the nearest
 * address of `X-Forwarded-For` that is none: a proxy adds the address that it sees at the end, and whatever stands before
 * the first untrusted one may be made up by a client. A part that is no address ends the search: then the proxy that
 * passed it on counts.
 *
 * Of an IPv6 address its /64 counts: that is the least that a network gives to one customer, who may take a new address of
 * it for each connection (RFC 8981).
 * @returns what a client counts as: `192.0.2.7`, `2001:db8:0:7::/64`, or "" when the connection is gone
 */
export type ClientAddress = (peer: string | undefined, forwardedFor: string | undefined) => string;

export function clientAddresses(trustedProxies: readonly Network[]): ClientAddress {
  const trusted = new BlockList();
  for (const { address, prefix, family } of trustedProxies) trusted.addSubnet(address, prefix, family);
  const isTrusted = (address: string): boolean =>
    isIP(address) !== 0 && trusted.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
  const nearest = (peer: string, forwardedFor: string | undefined): string => {
    let client = peer;
    if (trustedProxies.length === 0 || forwardedFor === undefined || !isTrusted(client)) return client;
    for (const hop of forwardedFor.split(",").slice(-mostHops).toReversed()) {
      const address = addressOf(hop.trim());
      if (address === undefined) return client;
      client = address;
      if (!isTrusted(client)) return client;
    }
    return client;
  };
  return (peer, forwardedFor) => counted(nearest(plain(peer ?? ""), forwardedFor));
}

/** Some proxies add the port: `192.0.2.7:4711`, `[2001:db8::7]:4711`. */
function addressOf(hop: string): string | undefined {
  const [, bracketed, bare] = /^(?:\[([0-9A-Fa-f:.]+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?$/.exec(hop) ?? [];
  const address = plain(bracketed ?? bare ?? hop);
  return isIP(address) === 0 || address.includes("%") ? undefined : address;
}

/** One client, one name: a listener on IPv6 sees IPv4 as `::ffff:192.0.2.7`, which is also written `::ffff:c000:207`. */
function plain(address: string): string {
  if (isIP(address) !== 6) return address;
  const groups = groupsOf(address);
  if (groups.slice(0, 5).some((group) => group !== 0) || groups[5] !== 0xffff) return address.toLowerCase();
  return groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 255])
    .join(".");
}

function counted(address: string): string {
  if (isIP(address) !== 6) return address;
  const network = groupsOf(address).slice(0, 4);
  return `${network.map((group) => group.toString(16)).join(":")}::/64`;
}

/** The eight numbers of an IPv6 address; its zone is left out. */
function groupsOf(address: string): readonly number[] {
  const [bare = ""] = address.split("%");
  const four = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(bare);
  const [, before = bare, a = 0, b = 0, c = 0, d = 0] = four ?? [];
  const text = four === null ? bare : `${before}${hex(a, b)}:${hex(c, d)}`;
  const [left = "", right] = text.split("::");
  const numbers = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const [first, last] = [numbers(left), numbers(right ?? "")];
  const zeros = Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => 0);
  return [...first, ...zeros, ...last];
}

function hex(high: string | number, low: string | number): string {
  return (Number(high) * 256 + Number(low)).toString(16);
}
