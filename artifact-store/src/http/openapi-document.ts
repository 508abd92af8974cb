import { publishedSchemas, type JsonObject } from "@waybill/foundation/openapi";
import { collectionOperations } from "./collection.ts";
import { schemas } from "./api-schemas.ts";
import type { Answer, HeaderField, Operation, QuerySchema } from "./operation.ts";
import { packageOperations } from "./package-operations.ts";
import { policyOperations } from "./policies.ts";
import { registryOperations, tokenOperations } from "./registry-operations.ts";
import { resumableOperations } from "./resumable/operations.ts";
import { listingOperations, retentionOperations } from "./retention-operations.ts";
import { webhookOperations } from "./webhook-operations.ts";

/** Every call that the store serves, `/events` excepted: a new group of them is one more line here. */
export const operations: readonly Operation[] = [
  packageOperations,
  resumableOperations,
  listingOperations,
  retentionOperations,
  collectionOperations,
  policyOperations,
  webhookOperations,
  registryOperations,
  tokenOperations,
].flatMap((group): Operation[] => Object.values(group));

const published = publishedSchemas(schemas);

/** Names in braces of a path. */
export function pathParameters(path: string): string[] {
  return [...path.matchAll(/\{([A-Za-z]+)\}/gu)].map(([, name]) => name ?? "");
}

const textParameter: Readonly<Record<string, JsonObject>> = {
  format: { type: "string", enum: ["tar", "tar.gz", "tar.zst", "zip"] },
  package: { type: "string", format: "uuid" },
};

function parametersOf(operation: Operation): JsonObject[] {
  const ofPath = pathParameters(operation.path).map((name) => ({
    name,
    in: "path",
    required: true,
    schema: textParameter[name] ?? { type: "string" },
  }));
  const query: QuerySchema["shape"] = operation.query?.shape ?? {};
  const ofQuery = Object.entries(query).map(([name, field]) => ({
    name,
    in: "query",
    required: !field.safeParse(undefined).success,
    schema: published.inPlace(field),
  }));
  const ofHeader = (operation.headers ?? [])
    // OpenAPI has another place for it: the media types of the body.
    .filter(({ name }) => name !== "Content-Type")
    .map((field) => ({ name: field.name, in: "header", required: field.required === true, ...toldOf(field) }));
  const key = operation.idempotent === true ? [{ $ref: "#/components/parameters/IdempotencyKey" }] : [];
  return [...ofPath, ...ofQuery, ...ofHeader, ...key];
}

function requestOf(operation: Operation): JsonObject {
  const { body, bodyExample, uploads } = operation;
  if (body !== undefined) {
    const example = bodyExample === undefined ? {} : { example: bodyExample };
    return {
      requestBody: { required: true, content: { "application/json": { schema: published.inPlace(body), ...example } } },
    };
  }
  if (uploads === undefined) return {};
  return { requestBody: { required: false, content: Object.fromEntries(uploads.map((type) => [type, {}])) } };
}

function toldOf({ description, example }: HeaderField): JsonObject {
  return { description, schema: { type: "string" }, example };
}

function headersOf(fields: readonly HeaderField[]): JsonObject {
  return Object.fromEntries(
    fields.map((field) => [field.name, { required: field.required === true, ...toldOf(field) }]),
  );
}

function answerOf(answer: Answer): JsonObject {
  const { description, headers, schema, mediaTypes, example } = answer;
  const json = schema && { schema: published.inPlace(schema), ...(example === undefined ? {} : { example }) };
  const content =
    json === undefined
      ? Object.fromEntries((mediaTypes ?? []).map((type) => [type, {}]))
      : { "application/json": json };
  return {
    description,
    ...(headers === undefined ? {} : { headers: headersOf(headers) }),
    ...(Object.keys(content).length === 0 ? {} : { content }),
  };
}

/** Statuses that follow from what a call is, beside those that it names. */
function problemsOf(operation: Operation): number[] {
  const statuses = new Set([400, 401, 403, 500, 503, ...(operation.problems ?? [])]);
  if (operation.body !== undefined) statuses.add(413).add(415);
  if (operation.idempotent === true) statuses.add(422);
  // What is not there, or another tenant's.
  if (operation.path.includes("{")) statuses.add(404);
  return [...statuses].toSorted((a, b) => a - b);
}

function problemOf({ errors, problemHeaders }: Operation, status: number): JsonObject {
  const headers = problemHeaders?.[status];
  if (errors === "registry") return { $ref: "#/components/responses/RegistryError" };
  if (headers === undefined) return { $ref: "#/components/responses/Problem" };
  return { ...problemResponse, headers: headersOf(headers) };
}

function operationOf(operation: Operation, answers: readonly Answer[]): JsonObject {
  const parameters = parametersOf(operation);
  const { access } = operation;
  return {
    operationId: operation.id,
    tags: [operation.tag],
    summary: operation.summary,
    ...(operation.description === undefined ? {} : { description: operation.description }),
    security:
      access.kind === "public" ? [] : [{ token: [] }, ...(operation.errors === "registry" ? [{ basic: [] }] : [])],
    ...(access.kind === "roles" ? { "x-roles": access.roles } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...requestOf(operation),
    responses: {
      ...Object.fromEntries(answers.map((answer) => [answer.status, answerOf(answer)])),
      ...Object.fromEntries(problemsOf(operation).map((status) => [status, problemOf(operation, status)])),
    },
  };
}

const problem = {
  type: "object",
  description: "RFC 9457. `code` is for programs, `message` repeats `detail`, `errors[].pointer` is a JSON pointer.",
  required: ["type", "title", "status", "detail", "code", "message"],
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    code: { type: "string" },
    message: { type: "string" },
    instance: { type: "string" },
    errors: {
      type: "array",
      items: { type: "object", properties: { pointer: { type: "string" }, detail: { type: "string" } } },
    },
  },
};

const problemResponse = {
  description: "What is wrong, and what to do.",
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
};

const registryError = {
  type: "object",
  description: 'The Distribution Spec\'s ("Error Codes"); `detail.request` is the id of the request in the log.',
  required: ["errors"],
  properties: {
    errors: {
      type: "array",
      items: {
        type: "object",
        required: ["code", "message"],
        properties: { code: { type: "string" }, message: { type: "string" }, detail: {} },
      },
    },
  },
};

/** The OpenAPI 3.1 document of `/api/v1` and `/v2/`, made of the schemas that check its requests. */
export function openApiDocument(): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const operation of operations) {
    const { method, path, answer, also = [] } = operation;
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationOf(operation, [answer, ...also]) };
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "artifact-store",
      version: "v1",
      summary: "Packages, resumable uploads, retention, collection and webhooks; images and blobs go over /v2/",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      schemas: { Problem: problem, RegistryError: registryError, ...published.components() },
      responses: {
        Problem: problemResponse,
        RegistryError: {
          description: "What is wrong, and what to do.",
          content: { "application/json": { schema: { $ref: "#/components/schemas/RegistryError" } } },
        },
      },
      parameters: {
        IdempotencyKey: {
          name: "Idempotency-Key",
          in: "header",
          required: false,
          description:
            "Makes a repetition harmless: the same key with the same request makes one thing, also after a crash. Keys of " +
            "other callers are other keys.",
          schema: { type: "string", minLength: 1, maxLength: 200, pattern: "^[\\x21-\\x7e]+$" },
        },
      },
      securitySchemes: {
        token: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        basic: { type: "http", scheme: "basic", description: "Any user; a token as the password." },
      },
    },
  };
}

/** The document as it is committed. */
export function openApiJson(): string {
  return `${JSON.stringify(openApiDocument(), null, 2)}\n`;
}
