import { Problem } from "@waybill/foundation/errors";
import type { HttpContext } from "@waybill/foundation/http";

const longestKey = 200;

/** Header of an answer that is the same as an earlier one because its key is. */
export const replayed = { "idempotent-replayed": "true" } as const;

/**
 * What an `Idempotency-Key` stands for: the same text of another caller is another key. Undefined when there is none.
 * @throws Problem 400 when the header is no key
 */
export function idempotencyKey(c: HttpContext): string | undefined {
  const key = c.req.header("idempotency-key");
  if (key === undefined) return undefined;
  if (key.length > longestKey || !/^[\x21-\x7e]+$/u.test(key)) {
    throw new Problem({
      code: "INVALID",
      status: 400,
      title: "The request cannot be read",
      detail: `Idempotency-Key: 1 to ${longestKey} visible ASCII characters without blanks, a UUID for instance.`,
    });
  }
  const { subject, tenant, anonymous } = c.var.principal;
  return JSON.stringify([subject, tenant ?? null, anonymous, key]);
}
