import { publishedSchemas } from "@waybill/foundation/openapi";
import { namedSchemas } from "../../contract/index.ts";

export const published = publishedSchemas(namedSchemas);
