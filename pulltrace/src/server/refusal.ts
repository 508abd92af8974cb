import { Problem, problemBody } from "@waybill/foundation/errors";

/** 503 with a time to come back that is not the same for all. */
export function noPlace(detail: string): Problem {
  return new Problem({
    code: "PT-503",
    status: 503,
    title: "Full",
    detail,
    headers: { "retry-after": String(20 + Math.floor(Math.random() * 20)) },
  });
}

/** Every error has a code `PT-<status>`, also one that was found before its handler ran. */
export function refusalOf(
  problem: Problem,
  requestId: string,
): { readonly body: string; readonly headers: Readonly<Record<string, string>> } {
  const body = { ...problemBody(problem, `urn:uuid:${requestId}`), code: `PT-${problem.status}` };
  return {
    body: JSON.stringify(body),
    headers: { "content-type": "application/problem+json", ...problem.headers },
  };
}
