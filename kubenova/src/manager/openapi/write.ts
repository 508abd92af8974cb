/**
 * Writes the document to `docs/openapi/kubenova.json`: `node kubenova/src/manager/openapi/write.ts`. A test fails while
 * the file is older than the schemas.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { openApiJson } from "./document.ts";

const file = new URL("../../../../docs/openapi/kubenova.json", import.meta.url);
mkdirSync(new URL(".", file), { recursive: true });
writeFileSync(file, openApiJson());
