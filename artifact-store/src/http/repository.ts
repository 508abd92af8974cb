import { mayReadTenant, mayWriteTenant } from "@waybill/foundation/auth";
import type { HttpContext } from "@waybill/foundation/http";
import { parseDigest, type Digest } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { parseRepositoryName, tenantOfRepository, type RepositoryName } from "../names/index.ts";
import { refusal } from "./errors.ts";

/**
 * The repository that a request is about, if its caller may read or write there. One of another tenant does not exist
 * for the caller: it hears what it would hear of one that nobody ever made.
 */
export function repositoryOf(c: HttpContext, purpose: "read" | "write"): RepositoryName {
  const name = parseRepositoryName(c.req.param("name") ?? "");
  const tenant = tenantOfRepository(name);
  if (!mayReadTenant(c.var.principal, tenant)) throw new StoreError("NAME_UNKNOWN", `there is no repository ${name}`);
  if (purpose === "write" && !mayWriteTenant(c.var.principal, tenant)) {
    throw refusal(403, "DENIED", `this caller may read ${name}, not change it`);
  }
  return name;
}

/** Whether a caller may mount from there; silent about why not. */
export function readableRepository(c: HttpContext, text: string): RepositoryName | undefined {
  try {
    const name = parseRepositoryName(text);
    return mayReadTenant(c.var.principal, tenantOfRepository(name)) ? name : undefined;
  } catch {
    return undefined;
  }
}

/** @throws StoreError DIGEST_INVALID */
export function digestIn(text: string | undefined): Digest {
  const digest = parseDigest(text ?? "");
  if (digest === undefined) {
    throw new StoreError("DIGEST_INVALID", "a digest is sha256: with 64, or sha512: with 128, lower-case hex digits");
  }
  return digest;
}
