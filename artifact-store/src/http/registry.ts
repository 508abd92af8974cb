import { access } from "@waybill/foundation/auth";
import { eventLogRoutes } from "@waybill/foundation/eventlog";
import type { HttpRoute, RouteGroup } from "@waybill/foundation/http";
import type { Logger } from "@waybill/foundation/telemetry";
import type { Store } from "../store/index.ts";
import { blobRoutes } from "./blobs.ts";
import { catalogRoutes } from "./catalog.ts";
import { collectionRoutes } from "./collection.ts";
import { challengeOf, registryService } from "./challenge.ts";
import { ociErrorResponse, withStoreErrors } from "./errors.ts";
import { Gate } from "./gate.ts";
import { listingRoutes } from "./listings.ts";
import { manifestRoutes } from "./manifests.ts";
import { warningOf } from "./notice.ts";
import { packageRoutes } from "./packages.ts";
import { policyRoutes } from "./policies.ts";
import { publicRepositories } from "./public-repositories.ts";
import { resumableUploadRoutes } from "./resumable/index.ts";
import { retentionRoutes } from "./retention.ts";
import { tagRoutes } from "./tags.ts";
import { tokenRoutes, type TokenSource } from "./token.ts";
import { webhookRoutes } from "./webhooks.ts";
import { uploadRoutes } from "./uploads.ts";

export interface RegistryOptions {
  readonly log: Logger;
  /** With it `/v2/token` gives out tokens for single repositories; absent where no authentication is configured. */
  readonly tokens?: TokenSource;
  /** Repositories that anybody may pull from: names, or all under a path (`library/*`). Needs `tokens`. */
  readonly anonymousPull?: readonly string[];
  /** Where clients reach this server, when it is not what they send as `Host`. */
  readonly publicUrl?: string;
  /** A sentence in every answer, which clients show to their users. One line of ASCII. */
  readonly notice?: string;
}

/** Everything that the store serves: `/v2/…` and `/events`. */
export function registryGroups(store: Store, options: RegistryOptions): RouteGroup[] {
  const { log, tokens, publicUrl, anonymousPull = [] } = options;
  const gate = new Gate({ isPublic: publicRepositories(anonymousPull), publicUrl });
  const routes = [
    ...versionCheck(),
    ...(tokens === undefined ? [] : tokenRoutes(gate, tokens, anonymousPull.length > 0)),
    ...catalogRoutes(store, gate),
    ...uploadRoutes(store, gate),
    ...blobRoutes(store, gate, log),
    ...manifestRoutes(store, gate),
    ...tagRoutes(store, gate),
  ];
  const warning = options.notice === undefined ? undefined : warningOf(options.notice);
  return [
    {
      name: "registry",
      routes: routes.map((route) => ({ ...route, handler: withWarning(withStoreErrors(route.handler), warning) })),
      audience: registryService,
      errorResponse: ociErrorResponse,
      challenge: (c) => (tokens === undefined ? `Basic realm="${registryService}"` : challengeOf(c, publicUrl)),
      notFoundPrefix: "/v2/",
    },
    {
      name: "packages",
      routes: packageRoutes(store, gate, log),
      audience: registryService,
      notFoundPrefix: "/api/v1/packages",
    },
    {
      name: "store management",
      routes: [
        ...resumableUploadRoutes({ store, gate }),
        ...retentionRoutes(store, gate),
        ...listingRoutes(store, gate),
        ...collectionRoutes(store, gate),
        ...policyRoutes(store, gate),
        ...webhookRoutes(store),
      ],
    },
    { name: "store events", routes: eventLogRoutes(store.events, { path: "/events", access: access.everyone }) },
  ];
}

/** On Node's own response, so that handlers which write to it themselves send it, too. */
function withWarning(handler: HttpRoute["handler"], warning: string | undefined): HttpRoute["handler"] {
  if (warning === undefined) return handler;
  return (c) => {
    c.env.outgoing.setHeader("warning", warning);
    return handler(c);
  };
}

/** "Determining Support" (end-1): a 200 says that this is a registry, and that the credentials are right. */
function versionCheck(): HttpRoute[] {
  const handler = (): Response =>
    new Response("{}", {
      headers: { "content-type": "application/json", "docker-distribution-api-version": "registry/2.0" },
    });
  return ["/v2/", "/v2"].map((path) => ({ method: "GET", path, access: access.everyone, handler }));
}
