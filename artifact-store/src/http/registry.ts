import { access } from "@waybill/foundation/auth";
import { eventLogRoutes } from "@waybill/foundation/eventlog";
import type { HttpRoute, RouteGroup } from "@waybill/foundation/http";
import type { Logger } from "@waybill/foundation/telemetry";
import type { Store } from "../store/index.ts";
import { blobRoutes } from "./blobs.ts";
import { ociErrorResponse, withStoreErrors } from "./errors.ts";
import { manifestRoutes } from "./manifests.ts";
import { tagRoutes } from "./tags.ts";
import { uploadRoutes } from "./uploads.ts";

/** Everything that the store serves: `/v2/…` and `/events`. */
export function registryGroups(store: Store, options: { readonly log: Logger }): RouteGroup[] {
  const routes = [
    ...versionCheck(),
    ...uploadRoutes(store),
    ...blobRoutes(store, options.log),
    ...manifestRoutes(store),
    ...tagRoutes(store),
  ];
  return [
    {
      name: "registry",
      routes: routes.map((route) => ({ ...route, handler: withStoreErrors(route.handler) })),
      errorResponse: ociErrorResponse,
      challenge: () => 'Basic realm="waybill"',
      notFoundPrefix: "/v2/",
    },
    { name: "store events", routes: eventLogRoutes(store.events, { path: "/events", access: access.everyone }) },
  ];
}

/** "Determining Support" (end-1): a 200 says that this is a registry, and that the credentials are right. */
function versionCheck(): HttpRoute[] {
  const handler = (): Response =>
    new Response("{}", {
      headers: { "content-type": "application/json", "docker-distribution-api-version": "registry/2.0" },
    });
  return ["/v2/", "/v2"].map((path) => ({ method: "GET", path, access: access.everyone, handler }));
}
