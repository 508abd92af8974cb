import type { HttpRoute } from "@waybill/foundation/http";
import { openApiDocument, openApiJson, yamlOf } from "../openapi/index.ts";
import { reading } from "../requests/index.ts";

export interface SystemOptions {
  readonly version: string;
  readonly environment: string;
  readonly startedAt: Date;
  readonly authentication: boolean;
}

export function systemRoutes(options: SystemOptions): HttpRoute[] {
  const version = {
    name: "kubenova",
    version: options.version,
    apiVersion: "v1",
    environment: options.environment,
    startedAt: options.startedAt.toISOString(),
  };
  const features = {
    authentication: options.authentication,
    clusters: true,
    tenants: true,
    tokens: options.authentication,
    sessions: options.authentication,
    idempotencyKeys: true,
  };
  const yaml = yamlOf(openApiDocument());
  return [
    reading("getVersion", () => Promise.resolve({ body: version })),
    reading("getFeatures", () => Promise.resolve({ body: features })),
    reading("getOpenApiJson", () => Promise.resolve({ body: openApiJson() })),
    reading("getOpenApiYaml", () => Promise.resolve({ body: yaml })),
  ];
}
