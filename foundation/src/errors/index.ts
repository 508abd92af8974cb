/**
 * Errors that carry a code and what to do next. A `Problem` is what an HTTP caller is told (RFC 9457), a `UserError`
 * what a person at a command line is told. Everything else is a bug: it is logged whole and shown as nothing.
 */
export { asProblem, Problem, problemBody, type ProblemBody, type ProblemInit } from "./problem.ts";
export { UserError } from "./user-error.ts";
