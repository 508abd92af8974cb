/**
 * Pieces of an OpenAPI 3.1 document that are made of the zod schemas which check the requests: what is published and what is
 * allowed can never differ.
 */
export { publishedSchemas, type JsonObject, type NamedSchemas, type PublishedSchemas } from "./schemas.ts";
