import type { JsonObject } from "@waybill/foundation/openapi";
import {
  operationIds,
  operations,
  problem,
  problemCode,
  problemTitles,
  type Operation,
  type OperationId,
  type ParameterSchema,
  type ProblemStatus,
} from "../../contract/index.ts";
import { roleTable, type RoleRow } from "../access/index.ts";
import { published } from "./schemas.ts";

function parametersOf(schema: ParameterSchema | undefined, place: "path" | "query"): JsonObject[] {
  return Object.entries(schema?.shape ?? {}).map(([name, field]) => ({
    name,
    in: place,
    required: place === "path" || !field.safeParse(undefined).success,
    schema: published.inPlace(field),
  }));
}

function headerParameters(operation: Operation): JsonObject[] {
  const references = [
    ...(operation.method === "GET" ? [] : ["IdempotencyKey"]),
    ...(operation.conditional === true ? ["IfMatch"] : []),
    ...(operation.method === "GET" && operation.answer.headers?.["ETag"] !== undefined ? ["IfNoneMatch"] : []),
  ];
  return references.map((name) => ({ $ref: `#/components/parameters/${name}` }));
}

function answerOf(operation: Operation): JsonObject {
  const { schema, example, mediaType = "application/json", description, headers } = operation.answer;
  const shownHeaders = { ...headers, ...(operation.idempotent === true ? { "Idempotent-Replayed": replayed } : {}) };
  return {
    description,
    ...(Object.keys(shownHeaders).length === 0
      ? {}
      : {
          headers: Object.fromEntries(
            Object.entries(shownHeaders).map(([name, says]) => [
              name,
              { description: says, schema: { type: "string" } },
            ]),
          ),
        }),
    ...(schema === undefined
      ? {}
      : {
          content: {
            [mediaType]: { schema: published.inPlace(schema), ...(example === undefined ? {} : { example }) },
          },
        }),
  };
}

const replayed = '"true" when this is the kept answer to an earlier request with the same Idempotency-Key.';

/** Statuses that follow from what a call is, beside those that it names. */
function problemsOf(operation: Operation, row: RoleRow): ProblemStatus[] {
  const statuses = new Set<ProblemStatus>([400, 405, 500, 503, ...(operation.problems ?? [])]);
  if (row.access.kind !== "public") statuses.add(401).add(403);
  if (operation.body !== undefined) statuses.add(413).add(415);
  return [...statuses].toSorted((a, b) => a - b);
}

function operationOf(id: OperationId): JsonObject {
  const operation: Operation = operations[id];
  const row = roleTable[id];
  const parameters = [
    ...parametersOf(operation.parameters, "path"),
    ...parametersOf(operation.query, "query"),
    ...headerParameters(operation),
  ];
  const roles = row.access.kind === "roles" ? row.access.roles : undefined;
  return {
    operationId: id,
    tags: [operation.tag],
    summary: operation.summary,
    ...(operation.description === undefined ? {} : { description: operation.description }),
    security: roles === undefined ? [] : [{ token: [] }, ...(operation.method === "GET" ? [{ session: [] }] : [])],
    ...(roles === undefined ? {} : { "x-roles": roles }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(operation.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: {
              "application/json": { schema: published.inPlace(operation.body), example: operation.bodyExample },
            },
          },
        }),
    responses: {
      [operation.answer.status]: answerOf(operation),
      ...(operation.method === "GET" && operation.answer.headers?.["ETag"] !== undefined
        ? { 304: { description: "It is what If-None-Match names." } }
        : {}),
      ...Object.fromEntries(
        problemsOf(operation, row).map((status) => [status, { $ref: `#/components/responses/${problemCode(status)}` }]),
      ),
    },
  };
}

function problemResponses(): JsonObject {
  return Object.fromEntries(
    Object.entries(problemTitles).map(([status, title]) => [
      problemCode(Number(status)),
      {
        description: title,
        content: {
          "application/problem+json": {
            schema: published.inPlace(problem),
            example: {
              type: "about:blank",
              title,
              status: Number(status),
              detail: `${title}.`,
              code: problemCode(Number(status)),
              message: `${title}.`,
              instance: "urn:uuid:9a6a5c0e-4b51-4f0e-8c7a-2f4b1d1d9c55",
            },
          },
        },
      },
    ]),
  );
}

const headerParameterComponents = {
  IdempotencyKey: {
    name: "Idempotency-Key",
    in: "header",
    required: false,
    description:
      "Makes a repetition harmless: within 24 hours the same key with the same request is answered as the first time. " +
      "Keys of other callers and other paths are other keys. Only success is kept.",
    schema: { type: "string", minLength: 1, maxLength: 200, pattern: "^[\\x21-\\x7e]+$" },
    example: "2f0f1f5e-1f5e-4a53-8b0e-0c9c8a1f5a11",
  },
  IfMatch: {
    name: "If-Match",
    in: "header",
    required: false,
    description: "ETag of the state that you have seen; 412 when it is another now.",
    schema: { type: "string" },
  },
  IfNoneMatch: {
    name: "If-None-Match",
    in: "header",
    required: false,
    description: "ETag of the state that you have; 304 when it is still that one.",
    schema: { type: "string" },
  },
};

/** The OpenAPI 3.1 document of the manager, made of the schemas that check its requests. */
export function openApiDocument(): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const id of operationIds) {
    const { path, method } = operations[id];
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationOf(id) };
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "KubeNova",
      version: "v1",
      summary: "Tenants, projects and apps on many Kubernetes clusters",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    tags: [
      { name: "system", description: "What answers here, and what it can do." },
      { name: "identity", description: "Tokens, sessions, and who you are." },
      { name: "clusters", description: "Kubernetes clusters that tenants live on." },
      { name: "tenants", description: "Organisations on a cluster." },
    ],
    paths,
    components: {
      schemas: published.components(),
      responses: problemResponses(),
      parameters: headerParameterComponents,
      securitySchemes: {
        token: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        session: {
          type: "apiKey",
          in: "cookie",
          name: "waybill_session",
          description: "For a browser's GET and HEAD.",
        },
      },
    },
  };
}

/** The document as it is committed and served. */
export function openApiJson(): string {
  return `${JSON.stringify(openApiDocument(), null, 2)}\n`;
}
