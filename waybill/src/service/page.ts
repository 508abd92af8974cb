import { join, resolve } from "node:path";
import { staticGroup, type RouteGroup } from "@waybill/foundation/http";
import { access } from "node:fs/promises";

/** Where `make setup` builds the page. */
export const pageFolder: string = resolve(import.meta.dirname, "../../../console/dist");

/** Everything comes from this server; the page brings no inline script and no inline style. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The page as routes; undefined when it has not been built. */
export async function pageGroup(directory: string = pageFolder): Promise<RouteGroup | undefined> {
  const built = await access(join(directory, "index.html")).then(
    () => true,
    () => false,
  );
  return built ? staticGroup({ directory, spaFallback: true, contentSecurityPolicy }) : undefined;
}
