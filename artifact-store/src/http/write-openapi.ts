/**
 * Writes the document to `docs/openapi/artifact-store.json`: `npm run openapi --workspace @waybill/artifact-store`. A test
 * fails while the file is older than the schemas.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { openApiJson } from "./openapi-document.ts";

const file = new URL("../../../docs/openapi/artifact-store.json", import.meta.url);
mkdirSync(new URL(".", file), { recursive: true });
writeFileSync(file, openApiJson());
