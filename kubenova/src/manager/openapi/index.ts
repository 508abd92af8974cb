/** The API described for programs: OpenAPI 3.1, made of the operations, the schemas and the role table. */
export { openApiDocument, openApiJson } from "./document.ts";
export { yamlOf } from "./yaml.ts";
