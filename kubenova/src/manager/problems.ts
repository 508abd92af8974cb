import { Problem, problemBody, type ProblemInit } from "@waybill/foundation/errors";
import { problemCode, problemTitles, type ProblemStatus } from "../contract/index.ts";

/** One thing that is wrong in a body, by JSON pointer. */
export type PointedError = NonNullable<ProblemInit["errors"]>[number];

/** A problem with the code and title that belong to its status. */
export function problemOf(
  status: ProblemStatus,
  detail: string,
  more: {
    readonly errors?: readonly PointedError[];
    readonly headers?: Readonly<Record<string, string>>;
    readonly cause?: unknown;
  } = {},
): Problem {
  return new Problem({ code: problemCode(status), status, title: problemTitles[status], detail, ...more });
}

export function notFound(what: "cluster" | "tenant"): Problem {
  return problemOf(404, `There is no such ${what}.`);
}

function isListed(status: number): status is ProblemStatus {
  return Object.hasOwn(problemTitles, status);
}

/** Any problem, also one of the layers below, as this API writes it: `application/problem+json` with a KN code. */
export function problemResponse(problem: Problem, requestId: string): Response {
  const body = problemBody(problem, `urn:uuid:${requestId}`);
  const title = isListed(problem.status) ? problemTitles[problem.status] : problem.title;
  return new Response(JSON.stringify({ ...body, title, code: problemCode(problem.status) }), {
    status: problem.status,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store", ...problem.headers },
  });
}
