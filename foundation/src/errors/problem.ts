/** One thing that is wrong in a request's body, by JSON pointer (RFC 6901). */
export interface PointedError {
  readonly pointer: string;
  readonly detail: string;
}

export interface ProblemInit {
  /** Stable, for programs: `KN-404`, `MANIFEST_UNKNOWN`. */
  readonly code: string;
  /** HTTP status, 400..599. */
  readonly status: number;
  /** The same for every problem of this code. */
  readonly title: string;
  /** This time: what is wrong and what to do. Never holds a secret. */
  readonly detail: string;
  readonly errors?: readonly PointedError[];
  /** Response headers, e.g. `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** Body of `application/problem+json` (RFC 9457 section 3.1), with `code` and `message` for programs and older clients. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance?: string;
  readonly code: string;
  readonly message: string;
  readonly errors?: readonly PointedError[];
}

/** An error that its caller should see as it is. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly errors: readonly PointedError[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(init: ProblemInit) {
    super(init.detail, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code;
    this.status = init.status;
    this.title = init.title;
    this.detail = init.detail;
    this.errors = init.errors ?? [];
    this.headers = init.headers ?? {};
  }
}

/** @param instance identifies this occurrence, e.g. `urn:request:<id>`. */
export function problemBody(problem: Problem, instance?: string): ProblemBody {
  return {
    type: "about:blank",
    title: problem.title,
    status: problem.status,
    detail: problem.detail,
    ...(instance === undefined ? {} : { instance }),
    code: problem.code,
    message: problem.detail,
    ...(problem.errors.length === 0 ? {} : { errors: problem.errors }),
  };
}

/** A `Problem` stays what it is; anything else becomes a 500 that tells the caller nothing of the inside. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem({
    code: "INTERNAL",
    status: 500,
    title: "Internal error",
    detail: "The server could not finish this request. The request id leads to the cause in its log.",
    cause: error,
  });
}
