import { permits } from "@waybill/foundation/auth";
import type { HttpContext } from "@waybill/foundation/http";
import type { NamedReason } from "../retention/index.ts";
import { refusal } from "./errors.ts";
import { owners } from "./retention-operations.ts";

/**
 * What may be done to a hold or a pin that is there: whoever placed it replaces it, and a machine ends its own pins; those of
 * others are what others rely on. It is shown in the transaction that changes it.
 */
export function ownOnly(c: HttpContext, kind: "hold" | "pin"): (present: NamedReason) => void {
  const { principal } = c.var;
  return ({ name, holder }) => {
    if (holder === principal.subject || permits(owners, principal)) return;
    throw refusal(403, "DENIED", `${kind} ${name} is ${holder}'s: ${holder} changes it, or an owner of the tenant`);
  };
}
