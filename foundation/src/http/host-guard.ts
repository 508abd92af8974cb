import { isIP } from "node:net";
import { Problem } from "../errors/index.ts";

/** Whether an address or name can only be reached from this machine. Empty means every interface, so it is not. */
export function isLoopback(host: string): boolean {
  return (
    host === "localhost" ||
    host.endsWith(".localhost") ||
    host === "::1" ||
    (isIP(host) === 4 && host.startsWith("127."))
  );
}

function hostOf(header: string): string {
  return header.startsWith("[") ? header.slice(1, header.indexOf("]")) : (header.split(":")[0] ?? "");
}

/**
 * A server without authentication trusts its machine, and a browser on that machine runs other people's pages. Such a
 * page could reach us through a name of its own that resolves to 127.0.0.1 (DNS rebinding), or post a form across
 * sites: both are refused here.
 */
export function guardHost(headers: Pick<Headers, "get">, method: string): Problem | undefined {
  const host = hostOf(headers.get("host") ?? "");
  if (isIP(host) === 0 && !isLoopback(host)) {
    return new Problem({
      code: "HOST_REFUSED",
      status: 403,
      title: "Host name refused",
      detail:
        "This server runs without authentication and answers only to its IP address and to localhost. Configure authentication to use a host name.",
    });
  }
  const site = headers.get("sec-fetch-site");
  const crossSite = site === "cross-site" || site === "same-site";
  if (crossSite && method !== "GET" && method !== "HEAD") {
    return new Problem({
      code: "CROSS_SITE_REFUSED",
      status: 403,
      title: "Cross-site request refused",
      detail: "This server runs without authentication and takes no changes from pages of other sites.",
    });
  }
  return undefined;
}
